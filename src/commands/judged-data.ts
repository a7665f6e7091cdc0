import type { ModelClass } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { unknownLabelWarnings } from "../training/judge-frames.ts";
import { type LearningSet, makeLearningSet } from "../training/learning-set.ts";
import { readDataFolder } from "../datasets/read-data-folder.ts";
import type { RefusedFile } from "../datasets/data-folder.ts";

export interface JudgedData {
  readonly set: LearningSet;
  /** Files that cannot be used at all, each with its reason. */
  readonly refused: readonly RefusedFile[];
}

/** Reads data folders to judge a model by; what is odd about them goes to `note` (stderr), line by line. */
export async function readJudgedData(
  paths: readonly string[],
  classes: readonly ModelClass[],
  options: {
    readonly splitBy: string | undefined;
    readonly good: string | undefined;
    readonly note: (line: string) => void;
  },
): Promise<JudgedData> {
  if (paths.length === 0) throw new SightlineError("USAGE", "--data is needed; see --help");
  const folders = await Promise.all(paths.map(readDataFolder));
  const refused = folders.flatMap((folder) => folder.refused);
  for (const { file, reason } of refused) options.note(`left out: ${file}: ${reason}`);
  const set = await makeLearningSet(folders, {
    ...(options.splitBy === undefined ? {} : { splitBy: options.splitBy }),
    goodLabels: [
      ...classes.filter(({ kind }) => kind === "good").map(({ name }) => name),
      ...(options.good?.split(",").map((label) => label.trim()) ?? []),
    ],
    oneKindWillDo: true,
  });
  if (set.samples.length === 0) throw new SightlineError("DATA_INVALID", `${paths.join(", ")}: no labelled images`);
  for (const warning of unknownLabelWarnings(classes, set.classes)) options.note(`warning: ${warning}`);
  set.splitColumns.forEach((column, index) => {
    if (column === null) options.note(`${paths[index] ?? ""}: every file counts as a part of its own (see --split-by)`);
  });
  return { set, refused };
}

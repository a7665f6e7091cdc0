import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ModelClass } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import type { DataFolder, LabelledImage } from "../datasets/data-folder.ts";
import { joinedNames } from "../datasets/joined-names.ts";
import { PART_COLUMNS } from "../datasets/part-column.ts";

export interface Sample {
  readonly image: LabelledImage;
  /** Which data folder it came from: 0, 1, … */
  readonly source: number;
  readonly label: string;
  readonly classIndex: number;
  /** The physical part (or what `--split-by` names): never on both sides of a split. */
  readonly group: string;
  /** SHA-256 of the file. */
  readonly sha256: string;
}

export interface LearningSet {
  readonly classes: readonly ModelClass[];
  readonly samples: readonly Sample[];
  /** The column each data folder is split by; null: every file is a part of its own. */
  readonly splitColumns: readonly (string | null)[];
  /** SHA-256 over the sorted pairs of file hash and label. */
  readonly version: string;
}

export interface LearningSetOptions {
  /** Column that names the part; absent: the first of PART_COLUMNS a folder has. */
  readonly splitBy?: string;
  /** Labels of good parts; absent: those of GOOD_LABELS that occur. */
  readonly goodLabels?: readonly string[];
  /** Whether data of one kind alone (only good, only defective parts) will do: to judge, not to train. False unless told. */
  readonly oneKindWillDo?: boolean;
}

export const GOOD_LABELS = ["good", "free", "ok", "normal", "pass"] as const;

/** Joins data folders into one set of samples with classes and parts. Throws SightlineError DATA_INVALID. */
export async function makeLearningSet(
  folders: readonly DataFolder[],
  options: LearningSetOptions,
): Promise<LearningSet> {
  const splitColumns = folders.map((folder) => splitColumnOf(folder, options.splitBy));
  const labels = [...new Set(folders.flatMap(({ images }) => images.map(({ label }) => label)))].sort();
  const classes = classesOf(labels, options.goodLabels ?? GOOD_LABELS);
  if (options.oneKindWillDo !== true) requireBothKinds(classes);
  const samples = await Promise.all(
    folders.flatMap(({ images }, source) =>
      images.map(async (image): Promise<Sample> => {
        const column = splitColumns[source];
        const part = typeof column === "string" ? image.metadata[column] : undefined;
        return {
          image,
          source,
          label: image.label,
          classIndex: labels.indexOf(image.label),
          group: `${source}:${part === undefined || part === "" ? image.file : part}`,
          sha256: createHash("sha256")
            .update(await readFile(image.path))
            .digest("hex"),
        };
      }),
    ),
  );
  const joined = joinEqualFiles(samples);
  return { classes, samples: joined, splitColumns, version: versionOf(joined) };
}

function splitColumnOf(folder: DataFolder, wanted: string | undefined): string | null {
  if (wanted === undefined) return PART_COLUMNS.find((name) => folder.columns.includes(name)) ?? null;
  if (folder.columns.includes(wanted)) return wanted;
  // Folders without any metadata may be mixed in: their files are parts of their own.
  if (folder.columns.length === 0) return null;
  const known = PART_COLUMNS.find((name) => folder.columns.includes(name));
  if (known !== undefined) return known;
  throw new SightlineError(
    "DATA_INVALID",
    `${folder.path} has no column ${wanted}; it has ${folder.columns.join(", ")}`,
  );
}

const classesOf = (labels: readonly string[], goodLabels: readonly string[]): ModelClass[] =>
  labels.map((name) => ({ name, kind: goodLabels.includes(name) ? "good" : "defect" }));

function requireBothKinds(classes: readonly ModelClass[]): void {
  const labels = classes.map(({ name }) => name);
  const kinds = new Set(classes.map(({ kind }) => kind));
  if (!kinds.has("good")) {
    throw new SightlineError(
      "DATA_INVALID",
      `none of the labels ${labels.join(", ")} is known as good; name it with --good`,
    );
  }
  if (!kinds.has("defect"))
    throw new SightlineError("DATA_INVALID", `every label (${labels.join(", ")}) is good; add defects`);
}

/** Equal files under two part ids would leak across a split: their parts become one. */
function joinEqualFiles(samples: readonly Sample[]): Sample[] {
  const pairs = [...Map.groupBy(samples, ({ sha256 }) => sha256).values()].flatMap(([first, ...copies]) =>
    first === undefined ? [] : copies.map(({ group }) => [first.group, group] as const),
  );
  const partOf = joinedNames(pairs);
  return samples.map((sample) => ({ ...sample, group: partOf.get(sample.group) ?? sample.group }));
}

/** SHA-256 over the sorted pairs of file hash and label. */
export function versionOf(samples: readonly Sample[]): string {
  const lines = samples.map(({ sha256, label }) => `${sha256} ${label}\n`).sort();
  return createHash("sha256").update(lines.join("")).digest("hex");
}

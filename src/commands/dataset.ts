import { SightlineError } from "../contracts/errors.ts";
import { nearestWord } from "../platform/nearest-word.ts";
import type { Command } from "./command.ts";

const HELP = `usage: sightline dataset TASK [options]

  import      any known format into a folder that --data takes
  export      a folder into any known format; or pulled from a hub by filter or version
  split       train, validation and test by part: a part never changes sides, however the data grow
  stats       parts and frames per class, sizes, brightness, duplicates, leaks; as text, JSON and a page
  diff        what became of a data set from one version to another
  augment     a sheet that shows what training makes of the images
  synthesize  simulated parts, or marked defects set onto good parts; they teach, they never certify

Formats: folder (a folder per class with index.csv), csv, coco, label-studio, fiftyone.
sightline dataset TASK --help says more.
`;

const TASKS: Readonly<Record<string, () => Promise<(args: string[]) => Promise<number>>>> = {
  import: async () => (await import("./dataset/import.ts")).datasetImport,
  export: async () => (await import("./dataset/export.ts")).datasetExport,
  split: async () => (await import("./dataset/split.ts")).datasetSplit,
  stats: async () => (await import("./dataset/stats.ts")).datasetStats,
  diff: async () => (await import("./dataset/diff.ts")).datasetDiff,
  augment: async () => (await import("./dataset/augment.ts")).datasetAugment,
  synthesize: async () => (await import("./dataset/synthesize.ts")).datasetSynthesize,
};

export const dataset: Command = {
  name: "dataset",
  summary: "import, export, split, stats, diff, augment, synthesize",
  async run([task, ...args]) {
    if (task === undefined || task === "--help" || task === "-h") {
      process.stdout.write(HELP);
      return task === undefined ? 2 : 0;
    }
    const load = TASKS[task];
    if (load !== undefined) return (await load())(args);
    const meant = nearestWord(task, Object.keys(TASKS));
    throw new SightlineError(
      "USAGE",
      `there is no task "${task}"${meant === undefined ? "" : `; did you mean ${meant}?`}`,
    );
  },
};

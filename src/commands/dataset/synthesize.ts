import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import type { DataFolder } from "../../datasets/data-folder.ts";
import { partColumnOf, partOf } from "../../datasets/part-column.ts";
import { readDataFolder } from "../../datasets/read-data-folder.ts";
import { SPLIT_COLUMN } from "../../datasets/split.ts";
import { isSynthetic } from "../../datasets/synthetic.ts";
import { GOOD_LABELS, makeLearningSet } from "../../training/learning-set.ts";
import { fillPixelStore } from "../../training/pixel-store.ts";
import { synthesizeParts } from "../../training/synthesize.ts";
import { listTrainingRegions } from "../../training/training-samples.ts";
import { writeTransplants } from "../../training/transplant-folder.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { numberOption } from "../number-option.ts";
import { interruptSignal, note, noteFiles, progress } from "./options.ts";

const HELP = `usage: sightline dataset synthesize --out DIR --parts N [options]

Renders simulated magnet tiles; or, with --from, sets marked defects (masks/…) of a data set's training side onto its good
parts. Every row of the index.csv says synthetic=1: such images teach a model, calibrate leaves them out.

  --out DIR          new or empty folder
  --parts N          how many
  --defect-rate X    share of defective tiles when rendering (default 0.5)
  --from DIR         data set with masks and a column "split" (dataset split): defects are set onto good parts
  --size PX          side of the pictures made with --from, a multiple of 32 (default 224)
  --good NAMES       labels of good parts, with commas (default: good, free, ok, normal, pass)
  --seed N           same seed, same files (default 1)
  --json             one JSON document on stdout
`;

const OPTIONS = {
  out: { type: "string" },
  parts: { type: "string" },
  "defect-rate": { type: "string", default: "0.5" },
  from: { type: "string" },
  size: { type: "string", default: "224" },
  good: { type: "string" },
  seed: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
} as const;

export async function datasetSynthesize(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const outPath = resolve(required(options.out, "out"));
  const whole = (text: string, name: string, least: number): number =>
    numberOption(text, name, {
      takes: `a whole number, ${least} or more`,
      accepts: (value) => Number.isInteger(value) && value >= least,
    });
  const parts = whole(required(options.parts, "parts"), "parts", 1);
  const seed = whole(options.seed, "seed", 0);
  const held = await readdir(outPath).catch(() => []);
  if (held.length > 0) {
    throw new SightlineError("DATA_INVALID", `${outPath} holds something already; name a folder that is empty or new`);
  }
  const bar = progress();
  const onProgress = (done: number): void => bar("making pictures", done, parts);
  let made = parts;
  if (options.from === undefined) {
    const defectRate = numberOption(options["defect-rate"], "defect-rate", {
      takes: "a number from 0 to 1",
      accepts: (value) => value >= 0 && value <= 1,
    });
    await synthesizeParts(outPath, { parts, seed, defectRate, onProgress });
  } else {
    const sizePx = numberOption(options.size, "size", {
      takes: "a multiple of 32, 32 to 1024",
      accepts: (value) => value % 32 === 0 && value >= 32 && value <= 1024,
    });
    const good = options.good?.split(",").map((label) => label.trim()) ?? GOOD_LABELS;
    made = await transplantOnto(outPath, { fromPath: options.from, parts, seed, sizePx, good, onProgress });
  }
  if (made < parts) note(`warning: only ${made} pictures: there are no more pairs of a defect and a good part`);
  const document = { out: outPath, parts: made, seed, synthetic: true };
  process.stdout.write(
    options.json ? `${JSON.stringify(document)}\n` : `${outPath}\n  pictures        ${made}, all marked synthetic\n`,
  );
  return 0;
}

interface TransplantPlan {
  readonly fromPath: string;
  readonly parts: number;
  readonly seed: number;
  readonly sizePx: number;
  readonly good: readonly string[];
  readonly onProgress: (done: number) => void;
}

async function transplantOnto(outPath: string, plan: TransplantPlan): Promise<number> {
  const folder = trainingSide(await readDataFolder(plan.fromPath));
  const column = partColumnOf(folder);
  const set = await makeLearningSet([folder], { goodLabels: plan.good });
  const samples = await listTrainingRegions(set, { mode: "full" });
  const bar = progress();
  const interrupt = interruptSignal();
  try {
    const store = await fillPixelStore(set, samples, {
      size: { widthPx: plan.sizePx, heightPx: plan.sizePx },
      onProgress: (done, total) => bar("reading images", done, total),
      signal: interrupt.signal,
    });
    noteFiles("left out", store.unreadable);
    return await writeTransplants(outPath, store, {
      count: plan.parts,
      seed: plan.seed,
      partOf: ({ sampleIndex }) => {
        const image = set.samples[sampleIndex]?.image;
        return image === undefined ? "" : partOf(image, column);
      },
      isGood: ({ label }) => plan.good.includes(label),
      onProgress: plan.onProgress,
    });
  } finally {
    interrupt.stop();
  }
}

/** Photographs whose parts are trained on: a defect that is to judge the model must not be shown to it on another part. */
function trainingSide(folder: DataFolder): DataFolder {
  if (!folder.columns.includes(SPLIT_COLUMN)) {
    throw new SightlineError(
      "DATA_INVALID",
      `${folder.path} has no column ${SPLIT_COLUMN}, so a defect that is to judge a model could be shown to it on ` +
        "another part; run sightline dataset split first",
    );
  }
  const images = folder.images.filter((image) => image.metadata[SPLIT_COLUMN] === "train" && !isSynthetic(image));
  note(`${folder.path}: ${images.length} of ${folder.images.length} images are on the training side`);
  return { ...folder, images };
}

import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { readDataFolder } from "../../datasets/read-data-folder.ts";
import { writeDurably } from "../../platform/durable-file.ts";
import { augmentationSheet } from "../../training/augmentation-sheet.ts";
import { AUGMENTATION_PRESETS } from "../../training/augmentation.ts";
import { makeLearningSet } from "../../training/learning-set.ts";
import { fillPixelStore } from "../../training/pixel-store.ts";
import { readAugmentation } from "../../training/read-augmentation.ts";
import { takeEvenly } from "../../training/take-evenly.ts";
import { listTrainingRegions } from "../../training/training-samples.ts";
import { parseCommandLine, required } from "../command-line.ts";
import { numberOption } from "../number-option.ts";
import { interruptSignal, noteFiles, progress } from "./options.ts";

const HELP = `usage: sightline dataset augment --data DIR --sheet FILE.png [options]

Draws what training makes of the images: a row each, the original and augmented versions beside it, rows of every class.
Look whether every label is still true; if not, give --augment a JSON file with what differs for a class (see train).

  --data DIR       labelled images; may be given several times
  --sheet FILE     the picture (PNG)
  --augment WHAT   ${AUGMENTATION_PRESETS.join(", ")} (default standard), or a JSON file
  --size PX        side of the model's input, a multiple of 32 (default 224)
  --rows N         rows of every class (default 3)
  --versions N     augmented versions in a row (default 6)
  --good NAMES     labels of good parts, with commas (default: good, free, ok, normal, pass)
  --seed N         which images, and what happens to them (default 1)
  --json           one JSON document on stdout
`;

const OPTIONS = {
  data: { type: "string", multiple: true },
  sheet: { type: "string" },
  augment: { type: "string", default: "standard" },
  size: { type: "string", default: "224" },
  rows: { type: "string", default: "3" },
  versions: { type: "string", default: "6" },
  good: { type: "string" },
  seed: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
} as const;

export async function datasetAugment(args: string[]): Promise<number> {
  const options = parseCommandLine(args, OPTIONS);
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const sheetPath = resolve(required(options.sheet, "sheet"));
  required(options.data?.[0], "data");
  const whole = (text: string, name: string, least: number, most: number): number =>
    numberOption(text, name, {
      takes: `a whole number, ${least} to ${most}`,
      accepts: (value) => Number.isInteger(value) && value >= least && value <= most,
    });
  const rowsPerClass = whole(options.rows, "rows", 1, 50);
  const versions = whole(options.versions, "versions", 1, 30);
  const seed = whole(options.seed, "seed", 0, Number.MAX_SAFE_INTEGER);
  const sizePx = numberOption(options.size, "size", {
    takes: "a multiple of 32, 32 to 1024",
    accepts: (value) => value % 32 === 0 && value >= 32 && value <= 1024,
  });
  const folders = await Promise.all((options.data ?? []).map(readDataFolder));
  noteFiles(
    "left out",
    folders.flatMap(({ refused }) => refused),
  );
  const set = await makeLearningSet(folders, {
    ...(options.good === undefined ? {} : { goodLabels: options.good.split(",").map((label) => label.trim()) }),
    oneKindWillDo: true,
  });
  const settings = await readAugmentation(
    options.augment,
    set.classes.map(({ name }) => name),
  );
  const labels = new Set(set.samples.map(({ label }) => label)).size;
  // Only what is shown is decoded.
  const shown = { ...set, samples: takeEvenly(set.samples, rowsPerClass * labels, ({ label }) => label, seed) };
  const bar = progress();
  const interrupt = interruptSignal();
  try {
    const store = await fillPixelStore(shown, await listTrainingRegions(shown, { mode: "full" }), {
      size: { widthPx: sizePx, heightPx: sizePx },
      onProgress: (done, total) => bar("reading images", done, total),
      signal: interrupt.signal,
    });
    noteFiles("left out", store.unreadable);
    await mkdir(dirname(sheetPath), { recursive: true });
    await writeDurably(sheetPath, await augmentationSheet(store, { settings, rowsPerClass, versions, seed }));
    const document = { sheet: sheetPath, rows: store.regions.length, versions, augment: options.augment, seed };
    process.stdout.write(options.json ? `${JSON.stringify(document)}\n` : `${sheetPath}\n`);
    return 0;
  } finally {
    interrupt.stop();
  }
}

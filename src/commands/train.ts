import { readdir } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import { systemClock as clock, toIso } from "../platform/clock.ts";
import { loadBase } from "../training/base-model.ts";
import type { DataFolder } from "../training/data-folder.ts";
import { type LearningSet, makeLearningSet } from "../training/learning-set.ts";
import { OnnxProcess } from "../training/onnx-process.ts";
import { readDataFolder } from "../training/read-data-folder.ts";
import type { Figure } from "../training/report.ts";
import { simulatedFolder } from "../training/synthesize.ts";
import { trainBundle, type WrittenBundle } from "../training/train-bundle.ts";
import { HEAD_DEFAULTS } from "../training/train-head.ts";
import { assertReplaceable } from "../training/write-bundle.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { type Progress, progressLine } from "./progress-line.ts";

const HELP = `usage: sightline train --data DIR --out DIR --base DIR|FILE.onnx [options]

Transfer learning: trains a classifier on the embeddings of a frozen backbone and writes a model bundle.

  --data DIR        labelled images: a folder per class with an optional index.csv, or annotations.coco.json;
                    may be given several times
  --out DIR         the bundle; an older bundle there is replaced
  --base X          backbone (ONNX file, pixels mapped to [-1, 1]) or a bundle with checkpoint.onnx
  --layers WHAT     head (the only one so far)
  --size PX         side of the square input, a multiple of 32 (default 224)
  --epochs N        most epochs (default ${HEAD_DEFAULTS.maxEpochs}); the best epoch is found on held-out parts
  --split-by COL    column that names the physical part: no part is both trained on and tested
                    (default: part, tile, board_group, board, serial or group, where index.csv has one)
  --good NAMES      labels of good parts, with commas (default: good, free, ok, normal, pass)
  --simulated N     adds N simulated magnet tiles, half of them defective
  --seed N          same seed, same data: same bytes (default 1)
  --name NAME       name in the manifest (default: that of the --out folder)
  --licence TEXT    what the model card says of the data's licence
  --json            one JSON document on stdout
`;

const DEFAULT_LICENCE = "The licence of the images is that of their owner; the tool was told nothing of it.";

const OPTIONS = {
  data: { type: "string", multiple: true },
  out: { type: "string" },
  base: { type: "string" },
  layers: { type: "string", default: "head" },
  size: { type: "string", default: "224" },
  epochs: { type: "string", default: String(HEAD_DEFAULTS.maxEpochs) },
  "split-by": { type: "string" },
  good: { type: "string" },
  simulated: { type: "string", default: "0" },
  seed: { type: "string", default: "1" },
  name: { type: "string" },
  licence: { type: "string", default: DEFAULT_LICENCE },
  json: { type: "boolean", default: false },
} as const;
type Options = ReturnType<typeof parseCommandLine<typeof OPTIONS>>;

export const train: Command = {
  name: "train",
  summary: "transfer learning; writes a model bundle",
  async run(args) {
    const options = parseCommandLine(args, OPTIONS);
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const plan = planOf(options);
    assertReplaceable(plan.outPath, await readdir(plan.outPath).catch(() => []));
    const bundle = await runPlan(plan);
    const summary = options.json
      ? `${JSON.stringify(summaryOf(bundle, plan.outPath))}\n`
      : readable(bundle, plan.outPath);
    process.stdout.write(summary);
    return 0;
  },
};

interface Plan {
  readonly outPath: string;
  readonly basePath: string;
  readonly dataPaths: readonly string[];
  readonly sizePx: number;
  readonly epochs: number;
  readonly simulated: number;
  readonly seed: number;
  readonly name: string;
  readonly licence: string;
  readonly splitBy: string | undefined;
  readonly goodLabels: readonly string[] | undefined;
}

function planOf(options: Options): Plan {
  if (options.layers !== "head") {
    const sentence = `--layers ${options.layers} is not supported yet; now it trains the head: --layers head`;
    throw new SightlineError("USAGE", sentence);
  }
  const outPath = resolve(required(options.out, "out"));
  const name = options.name ?? basename(outPath);
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw new SightlineError("USAGE", `--name ${name}: use small letters, digits and hyphens`);
  }
  const dataPaths = options.data ?? [];
  const simulated = wholeNumber(options.simulated, "simulated", 0);
  if (dataPaths.length === 0 && simulated === 0) throw new SightlineError("USAGE", "--data is needed; see --help");
  return {
    outPath,
    basePath: required(options.base, "base"),
    dataPaths,
    sizePx: inputSize(options.size),
    epochs: wholeNumber(options.epochs, "epochs", 1),
    simulated,
    seed: wholeNumber(options.seed, "seed", 0),
    name,
    licence: options.licence,
    splitBy: options["split-by"],
    goodLabels: options.good?.split(",").map((label) => label.trim()),
  };
}

async function runPlan(plan: Plan): Promise<WrittenBundle> {
  const progress = progressLine(process.stderr, clock.tick);
  const cachePath = cacheFolder();
  const size = { widthPx: plan.sizePx, heightPx: plan.sizePx };
  const backbone = await loadBase(plan.basePath, size);
  const { folders, folderNames, set } = await gatherData(plan, cachePath, progress);
  const runtime = new OnnxProcess();
  runtime.start();
  try {
    const bundle = await trainBundle({
      ...size,
      ...plan,
      version: "1.0.0",
      backbone,
      set,
      runtime,
      cachePath,
      folders,
      folderNames,
      training: { ...HEAD_DEFAULTS, maxEpochs: plan.epochs },
      options: recordOf(plan, folderNames, set),
      createdAt: toIso(clock.wallNow()),
      onProgress: (stage, done, total) => progress(STAGES[stage], done, total),
    });
    for (const { file, reason } of bundle.trained.unreadable) note(`left out: ${file}: ${reason}`);
    return bundle;
  } finally {
    await runtime.stop();
  }
}

interface GatheredData {
  readonly folders: readonly DataFolder[];
  readonly folderNames: readonly string[];
  readonly set: LearningSet;
}

async function gatherData(plan: Plan, cachePath: string, progress: Progress): Promise<GatheredData> {
  const { simulated: parts, seed } = plan;
  const folders = await Promise.all(plan.dataPaths.map(readDataFolder));
  const folderNames = plan.dataPaths.map((path) => basename(resolve(path)));
  if (parts > 0) {
    const onProgress = (done: number): void => progress("rendering parts", done, parts);
    folders.push(await readDataFolder(await simulatedFolder(cachePath, { parts, seed, defectRate: 0.5, onProgress })));
    folderNames.push("simulated parts");
  }
  reportRefused(folders);
  const set = await makeLearningSet(folders, {
    ...(plan.splitBy === undefined ? {} : { splitBy: plan.splitBy }),
    ...(plan.goodLabels === undefined ? {} : { goodLabels: plan.goodLabels }),
  });
  folderNames.forEach((name, source) => {
    note(`${name}: ${folders[source]?.images.length ?? 0} images, split by ${set.splitColumns[source] ?? "file"}`);
  });
  return { folders, folderNames, set };
}

const recordOf = (plan: Plan, data: readonly string[], { splitColumns }: LearningSet): Record<string, unknown> => ({
  data,
  base: basename(plan.basePath),
  layers: "head",
  size: plan.sizePx,
  epochs: plan.epochs,
  splitBy: splitColumns,
  simulated: plan.simulated,
  seed: plan.seed,
});

const STAGES = {
  embed: "embedding images",
  train: "training heads",
  calibrate: "calibrating int8",
  "embed-int8": "checking int8",
} as const;

const note = (text: string): void => void process.stderr.write(`${text}\n`);

function reportRefused(folders: readonly DataFolder[]): void {
  for (const { path, refused } of folders) {
    if (refused.length > 0) note(`${path}: ${refused.length} files left out`);
    for (const { file, reason } of refused) note(`  ${file}: ${reason}`);
  }
}

/** Where results that can be computed again are kept. */
function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"] ?? (homedir() === "" ? tmpdir() : join(homedir(), ".cache"));
  return join(base, "sightline");
}

function summaryOf({ manifest, trained }: WrittenBundle, outPath: string): object {
  const { name, version, decision, files } = manifest;
  const { report, quantization, epochs, unreadable } = trained;
  return {
    out: outPath,
    name,
    version,
    decision,
    epochs,
    modelBytes: files["model.onnx"]?.bytes,
    quantization,
    report,
    unreadable,
  };
}

function readable({ manifest, trained }: WrittenBundle, outPath: string): string {
  const { auroc, balancedAccuracy } = trained.report.device.all;
  const bytes = manifest.files["model.onnx"]?.bytes ?? 0;
  return `${outPath}
  AUROC good or not   ${figureText(auroc)}
  balanced accuracy   ${figureText(balancedAccuracy)}
  model.onnx          ${(bytes / 1e6).toFixed(2)} MB, ${trained.quantization.accepted ? "int8" : "float32"}
  more in ${join(outPath, "MODEL_CARD.md")}
`;
}

function figureText({ pooled, interval, foldMean, foldStandardDeviation }: Figure): string {
  const [value, low, high, centre, spread] = [pooled, interval.low, interval.high, foldMean, foldStandardDeviation].map(
    (number) => number.toFixed(3),
  );
  return `${value} (95 % ${low} to ${high}, folds ${centre} ± ${spread})`;
}

function inputSize(text: string): number {
  const size = wholeNumber(text, "size", 32);
  if (size % 32 !== 0 || size > 4096)
    throw new SightlineError("USAGE", `--size ${text}: use a multiple of 32 up to 4096`);
  return size;
}

function wholeNumber(text: string, option: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new SightlineError("USAGE", `--${option} ${text}: use a whole number, ${least} or more`);
  return value;
}

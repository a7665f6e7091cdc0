import { basename, resolve } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import { RegionPlan } from "../contracts/model-bundle.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { AUGMENTATION_PRESETS } from "../training/augmentation.ts";
import { type InputNormalisation, parseNormalisation } from "../training/input-normalisation.ts";
import type { LearningSet } from "../training/learning-set.ts";
import { type Layers, parseLayers } from "../training/network-blocks.ts";
import { HEAD_DEFAULTS } from "../training/train-head.ts";
import { describeLayers, FINE_TUNING_DEFAULTS } from "../training/training-defaults.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { type Progress, progressLine, progressLines } from "./progress-line.ts";

export const TRAIN_HELP = `usage: sightline train --data DIR --out DIR --base DIR|FILE.onnx [options]

Transfer learning: fits a classifier on a backbone, fine-tunes as many of its layers as asked for, quantises, calibrates
and writes a model bundle. The figures it gives are of parts it did not learn from. Ctrl-C keeps the best so far.

data
  --data DIR          labelled images: a folder per class with an optional index.csv, or annotations.coco.json;
                      may be given several times
  --split-by COL      column that names the physical part: no part is both trained on and tested
                      (default: part, tile, board_group, board, serial or group, where index.csv has one)
  --join-lookalikes   pictures that show the same surface under several part ids make these one part; good pictures of a
                      part that is defective under another id are left out. For parts with a surface of their own
                      (grain, scratches), not for parts that all look alike; not with --grid
  --good NAMES        labels of good parts, with commas (default: good, free, ok, normal, pass)
  --grid ROWSxCOLS    cut every image into cells, each judged by itself (needs boxes for defective images)
  --margin PX         every cell grows by this on all sides (default 0)
  --simulated N       adds N simulated magnet tiles, half of them defective
  --augment WHAT      ${AUGMENTATION_PRESETS.join(", ")} (default standard), or a JSON file with ranges and, under
                      "classes", what differs for a class because it would not keep its label

model
  --base X            backbone (ONNX file, pixels mapped to [-1, 1]), bundle with checkpoint.onnx, or, for a head, model.onnx
  --base-mean X       what a FILE.onnx takes off pixel values 0..255, one number or R,G,B, or imagenet (default 127.5)
  --base-scale X      what it then multiplies them by (default 1/127.5)
  --layers WHAT       head (default), last:N blocks, gradual (from the head down), all
  --pooling WHAT      how the places of the last feature map become one image: average, or top:SHARE, the mean of that
                      share of them, the ones that speak most for a defect (top:0.12); for small defects. Not with
                      --layers head (default: as the base, where it is a bundle, else average)
  --size PX           side of the square input, a multiple of 32 (default 224)
  --out DIR           the bundle; an older bundle there is replaced
  --name NAME         name in the manifest (default: that of the --out folder)
  --as-version X.Y.Z  version in the manifest (default 1.0.0)
  --licence TEXT      what the model card says of the data's licence

training
  --epochs N          head: most epochs (default ${HEAD_DEFAULTS.maxEpochs}, the best is found on held-out parts);
                      otherwise passes over the images (default: about ten minutes' worth on two cores)
  --batch N           images a step (default ${FINE_TUNING_DEFAULTS.batchSize})
  --rate X            peak of the learning rate, a relative step (default ${FINE_TUNING_DEFAULTS.schedule.peak})
  --folds N           cross-validates with N folds of parts, then trains on all (default 1: a share is held out)
  --hold-out SHARE    share of the parts held out where folds is 1 (default 0.2)
  --no-refit          ships the model that did without the parts held out. Otherwise (where folds is 1) it is trained once
                      more on all parts for as many steps; figures and limits stay those of the first. Ctrl-C ends
                      with the first
  --refit-only        the base is a bundle: it is judged as it is on the parts held out, which must be those held out when
                      it was trained (the same data, --hold-out and --seed), and then trained on all parts
  --seed N            same seed, same data, same machine: same bytes (default 1)
  --resume            goes on where an interrupted run of the same options stopped (kept in OUT.training)
  --progress lines    progress on stderr as JSON Lines {stage, done, total, detail}, for programs
  --json              one JSON document on stdout
`;

const DEFAULT_LICENCE = "The licence of the images is that of their owner; the tool was told nothing of it.";

export const TRAIN_OPTIONS = {
  data: { type: "string", multiple: true },
  out: { type: "string" },
  base: { type: "string" },
  "base-mean": { type: "string" },
  "base-scale": { type: "string" },
  layers: { type: "string", default: "head" },
  pooling: { type: "string" },
  size: { type: "string", default: "224" },
  epochs: { type: "string" },
  batch: { type: "string", default: String(FINE_TUNING_DEFAULTS.batchSize) },
  rate: { type: "string", default: String(FINE_TUNING_DEFAULTS.schedule.peak) },
  folds: { type: "string", default: "1" },
  "hold-out": { type: "string", default: "0.2" },
  refit: { type: "boolean", default: true },
  "no-refit": { type: "boolean", default: false },
  "refit-only": { type: "boolean", default: false },
  grid: { type: "string" },
  margin: { type: "string", default: "0" },
  augment: { type: "string", default: "standard" },
  "split-by": { type: "string" },
  "join-lookalikes": { type: "boolean", default: false },
  good: { type: "string" },
  simulated: { type: "string", default: "0" },
  seed: { type: "string", default: "1" },
  name: { type: "string" },
  "as-version": { type: "string", default: "1.0.0" },
  progress: { type: "string", default: "bar" },
  licence: { type: "string", default: DEFAULT_LICENCE },
  resume: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;
type Options = ReturnType<typeof parseCommandLine<typeof TRAIN_OPTIONS>>;

/** A training as the command line asks for it, every option checked. */
export interface TrainPlan {
  readonly outPath: string;
  readonly basePath: string;
  readonly normalisation: InputNormalisation;
  readonly dataPaths: readonly string[];
  readonly layers: Layers;
  /** null: the mean of all places; undefined: as the base. */
  readonly topShare: number | null | undefined;
  readonly sizePx: number;
  readonly epochs: number | undefined;
  readonly batchSize: number;
  readonly peakRate: number;
  readonly folds: number;
  readonly holdOutShare: number;
  readonly refit: boolean;
  readonly refitOnly: boolean;
  readonly regions: RegionPlan;
  readonly augment: string;
  readonly simulated: number;
  readonly seed: number;
  readonly name: string;
  readonly version: string;
  readonly progress: Progress;
  readonly licence: string;
  readonly splitBy: string | undefined;
  readonly joinLookalikes: boolean;
  readonly goodLabels: readonly string[] | undefined;
  readonly resume: boolean;
}

/** Throws SightlineError USAGE with a sentence for what cannot be. */
export function planOf(options: Options): TrainPlan {
  const outPath = resolve(required(options.out, "out"));
  const name = options.name ?? basename(outPath);
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw new SightlineError("USAGE", `--name ${name}: use small letters, digits and hyphens`);
  }
  if (options["join-lookalikes"] && options.grid !== undefined) {
    throw new SightlineError("USAGE", "--join-lookalikes compares whole parts; it does not go with --grid");
  }
  const dataPaths = options.data ?? [];
  const simulated = wholeNumber(options.simulated, "simulated", 0);
  const layers = parseLayers(options.layers);
  if (dataPaths.length === 0 && simulated === 0) throw new SightlineError("USAGE", "--data is needed; see --help");
  return {
    outPath,
    basePath: required(options.base, "base"),
    normalisation: parseNormalisation(options["base-mean"], options["base-scale"]),
    dataPaths,
    layers,
    topShare: poolingOption(options.pooling, layers),
    sizePx: inputSize(options.size),
    epochs: options.epochs === undefined ? undefined : wholeNumber(options.epochs, "epochs", 1),
    batchSize: wholeNumber(options.batch, "batch", 2),
    peakRate: numberWithin(options.rate, "rate", 0, 1),
    folds: wholeNumber(options.folds, "folds", 1),
    holdOutShare: numberWithin(options["hold-out"], "hold-out", 0, 1),
    refit: options.refit && !options["no-refit"],
    refitOnly: options["refit-only"],
    regions: regionPlan(options.grid, wholeNumber(options.margin, "margin", 0)),
    augment: options.augment,
    simulated,
    seed: wholeNumber(options.seed, "seed", 0),
    name,
    version: versionNumber(options["as-version"]),
    progress: progressOf(options.progress),
    licence: options.licence,
    splitBy: options["split-by"],
    joinLookalikes: options["join-lookalikes"],
    goodLabels: options.good?.split(",").map((label) => label.trim()),
    resume: options.resume,
  };
}

function poolingOption(pooling: string | undefined, layers: Layers): number | null | undefined {
  if (pooling === undefined) return layers.kind === "head" ? null : undefined;
  if (pooling === "average") return null;
  const [, share] = /^top:(0?\.\d+)$/.exec(pooling) ?? [];
  if (!(Number(share) > 0)) {
    throw new SightlineError(
      "USAGE",
      `--pooling ${pooling}: use average, or top:SHARE with a share below 1, like top:0.12`,
    );
  }
  if (layers.kind !== "head") return Number(share);
  throw new SightlineError("USAGE", "--pooling top needs layers that train (--layers last:N, gradual or all)");
}

function regionPlan(grid: string | undefined, marginPx: number): RegionPlan {
  if (grid === undefined) {
    if (marginPx > 0) throw new SightlineError("USAGE", "--margin belongs to --grid");
    return { mode: "full" };
  }
  const [, rows, cols] = /^(\d{1,2})x(\d{1,2})$/.exec(grid) ?? [];
  const plan = RegionPlan.safeParse({ mode: "grid", rows: Number(rows), cols: Number(cols), marginPx });
  if (!plan.success) throw new SightlineError("USAGE", `--grid ${grid}: use ROWSxCOLS, 1x1 to 64x64, like 4x4`);
  return plan.data;
}

interface PooledPlan extends TrainPlan {
  readonly topShare: number | null;
}

/** What a training was told, for its card and to know an interrupted run again. */
export const recordOf = (
  plan: PooledPlan,
  data: readonly string[],
  { splitColumns }: LearningSet,
): Record<string, unknown> => ({
  data,
  base: basename(plan.basePath),
  normalisation: plan.normalisation,
  layers: describeLayers(plan.layers),
  ...(plan.topShare === null ? {} : { pooling: `top:${Number(plan.topShare.toPrecision(3))}` }),
  size: plan.sizePx,
  regions: plan.regions,
  epochs: plan.epochs ?? null,
  batch: plan.batchSize,
  rate: plan.peakRate,
  folds: plan.folds,
  holdOut: plan.holdOutShare,
  ...(plan.folds === 1 ? { refit: plan.refitOnly ? "only" : plan.refit } : {}),
  augment: basename(plan.augment),
  splitBy: splitColumns,
  ...(plan.joinLookalikes ? { joinLookalikes: true } : {}),
  simulated: plan.simulated,
  seed: plan.seed,
});

function versionNumber(text: string): string {
  if (/^\d+\.\d+\.\d+$/.test(text)) return text;
  throw new SightlineError("USAGE", `--as-version ${text}: use three numbers with points between, like 1.4.0`);
}

function progressOf(form: string): Progress {
  if (form === "bar") return progressLine(process.stderr, clock.tick);
  if (form === "lines") return progressLines(process.stderr, clock.tick);
  throw new SightlineError("USAGE", `--progress ${form}: use bar or lines`);
}

function inputSize(text: string): number {
  const size = wholeNumber(text, "size", 32);
  if (size % 32 !== 0 || size > 4096)
    throw new SightlineError("USAGE", `--size ${text}: use a multiple of 32 up to 4096`);
  return size;
}

function numberWithin(text: string, option: string, above: number, below: number): number {
  const value = Number(text);
  if (!(value > above && value < below))
    throw new SightlineError("USAGE", `--${option} ${text}: use a number between ${above} and ${below}`);
  return value;
}

function wholeNumber(text: string, option: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new SightlineError("USAGE", `--${option} ${text}: use a whole number, ${least} or more`);
  return value;
}

import type { BundleManifest, ModelClass, RegionPlan } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { ngScore } from "../pipeline/decide/decide.ts";
import { attachHead } from "./attach-head.ts";
import { checkSeparation, checkTrainingData, type DataFinding } from "./check-data.ts";
import { chooseLimits, fitTemperature, softmax } from "./calibrate-scores.ts";
import type { InputSizePx, UnreadableFile } from "./model-pixels.ts";
import { embedRegions } from "./embed-regions.ts";
import type { EpochResult, PositionStore } from "./finetune/fine-tune.ts";
import { checkNoLeak, stratifiedGroupFolds } from "../statistics/group-folds.ts";
import { holdOutParts } from "./hold-out.ts";
import { isQuantized } from "./is-quantized.ts";
import { judgedFrames, judgeRegions } from "./judge-regions.ts";
import { type JudgedFrame, likeliest } from "./judged-frame.ts";
import { learn, type LearnJob, type Learned } from "./learn.ts";
import type { LearningSet } from "./learning-set.ts";
import type { ScoredFrame } from "./metrics.ts";
import { withTemperature } from "./model-temperature.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { isWithin, LARGEST_LOSS, type Parity, parity } from "./parity.ts";
import { fillPixelStore, type PixelStore } from "./pixel-store.ts";
import { quantizeForDevice } from "./quantize-device-model.ts";
import { type QualityReport, qualityReport } from "./report.ts";
import { describeLayers, imageBudget } from "./training-defaults.ts";
import { listTrainingRegions, type TrainingSamples } from "./training-samples.ts";

export type TrainingStage = "read" | "embed" | "head" | "tune" | "quantize" | "judge";

/** Belongs to one learning run. */
type OfOneRun = "classes" | "store" | "embed" | "imageBudget" | "onHeadRound" | "onStep";

export interface TrainingJob extends InputSizePx, Omit<LearnJob, OfOneRun> {
  readonly set: LearningSet;
  readonly regions: RegionPlan;
  /** Passes over the training images; undefined: as many as fit the default budget. */
  readonly epochs: number | undefined;
  /** 1: part of the parts is held out. More: cross-validation, then a model on all parts. */
  readonly folds: number;
  /** Share of the parts held out where folds is 1. */
  readonly validationShare: number;
  readonly runtime: OnnxProcess;
  readonly cachePath: string;
  /** Where a run's positions are kept, by its name; null: it cannot be resumed. */
  readonly positionsOf: ((run: string) => PositionStore) | null;
  readonly onProgress: (stage: TrainingStage, done: number, total: number, detail?: string) => void;
  readonly onWarning: (sentence: string) => void;
}

/** What int8 costs on the same held-out frames. */
export interface QuantizationCost extends Parity {
  readonly accepted: boolean;
  readonly float32Bytes: number;
  readonly int8Bytes: number;
}

export interface TrainedModel {
  readonly classes: readonly ModelClass[];
  /** What devices run: int8 where that was accepted, else the checkpoint. */
  readonly deviceModel: Model;
  /** float32. */
  readonly checkpoint: Model;
  readonly decision: BundleManifest["decision"];
  /** As `--layers` names them. */
  readonly layers: string;
  readonly headEpochs: number;
  readonly steps: number;
  readonly interrupted: boolean;
  readonly history: readonly EpochResult[];
  readonly unreadable: readonly UnreadableFile[];
  readonly undecidedRegions: number;
  readonly quantization: QuantizationCost;
  /** How the figures were won: frames no model saw, of parts held out or fold by fold. */
  readonly validation: { readonly kind: "held out" | "folds"; readonly folds: number; readonly parts: number };
  /** Quality on held-out frames: `all`, and each data folder by its position. */
  readonly report: { readonly float32: SlicedReport; readonly device: SlicedReport };
  /** Held-out frames as the device model judged them, with the fold of each. */
  readonly heldOut: { readonly frames: readonly JudgedFrame[]; readonly folds: readonly number[] };
  /** Every image a weight or a limit was fitted on, by SHA-256. */
  readonly trainingFiles: readonly string[];
}

export interface SlicedReport {
  readonly all: QualityReport;
  readonly bySource: readonly QualityReport[];
  /** Every region on its own; null where a frame is one region. */
  readonly regions: QualityReport | null;
}

/** Trains, judges on parts no model saw, calibrates and quantises. The same job gives the same bytes. */
export async function trainModel(job: TrainingJob): Promise<TrainedModel> {
  if (job.layers.kind !== "head" && isQuantized(job.backbone)) {
    const sentence =
      "the base computes in int8: only a head can be trained on it (--layers head); other layers need its";
    throw new SightlineError("DATA_INVALID", `${sentence} checkpoint.onnx`);
  }
  const listed = await listTrainingRegions(job.set, job.regions);
  const store = await fillPixelStore(job.set, listed, {
    size: { widthPx: job.widthPx, heightPx: job.heightPx },
    onProgress: (done, total) => job.onProgress("read", done, total),
    signal: job.signal,
  }).catch((error: unknown) => {
    throw job.signal.aborted ? new SightlineError("INTERRUPTED", "nothing was trained yet", { cause: error }) : error;
  });
  const { classes } = listed;
  const embed = (indices: readonly number[]): Promise<Float32Array[]> =>
    embedRegions(store, indices, {
      graph: job.backbone,
      runtime: job.runtime,
      cachePath: job.cachePath,
      onProgress: (done, total) => job.onProgress("embed", done, total),
    });
  const context: Context = { job, samples: listed, classes, store, embed };
  if (job.layers.kind === "head") report(job, await separationFindings(context));
  const judged = job.folds > 1 ? await crossValidate(context) : await holdOut(context);
  const { final, float32, int8 } = judged;
  const quantization = costOf(float32, int8, final, classes);
  if (!quantization.accepted) job.onWarning(refusalOf(quantization));
  const device = quantization.accepted ? int8 : float32;
  const decision = decisionOf(device, classes);
  const atTemperature = (model: Model): Model => withTemperature(model, decision.temperature);
  return {
    classes,
    deviceModel: atTemperature(quantization.accepted ? final.int8 : final.float32),
    checkpoint: atTemperature(final.float32),
    decision,
    layers: describeLayers(job.layers),
    headEpochs: final.learned.headEpochs,
    steps: final.learned.steps,
    interrupted: job.signal.aborted,
    history: final.learned.history,
    unreadable: [...listed.unreadable, ...store.unreadable],
    undecidedRegions: listed.undecidedCount,
    quantization,
    validation: {
      kind: job.folds > 1 ? "folds" : "held out",
      folds: job.folds,
      parts: new Set(device.frames.map(({ group }) => group)).size,
    },
    report: {
      float32: slicedReport(context, float32, decisionOf(float32, classes)),
      device: slicedReport(context, device, decision),
    },
    heldOut: { frames: calibrated(device.frames, decision.temperature, classes), folds: device.folds },
    trainingFiles: [...new Set(job.set.samples.map(({ sha256 }) => sha256))].sort(),
  };
}

interface Context {
  readonly job: TrainingJob;
  readonly samples: TrainingSamples;
  readonly classes: readonly ModelClass[];
  readonly store: PixelStore;
  readonly embed: LearnJob["embed"];
}

/** One learning run with what a device would run of it; temperature 1. */
interface Trained {
  readonly learned: Learned;
  readonly float32: Model;
  readonly int8: Model;
}

/** Held-out frames with the probabilities of temperature 1, and the fold of each. */
interface Judged {
  readonly frames: readonly JudgedFrame[];
  readonly folds: readonly number[];
}

interface Outcome {
  readonly final: Trained;
  readonly float32: Judged;
  readonly int8: Judged;
}

async function separationFindings({ job, classes, store, embed }: Context): Promise<DataFinding[]> {
  const indices = [...store.regions.keys()];
  const embeddings = await embed(indices);
  const items = store.regions.flatMap(({ label, group, classIndex }, index) => {
    const embedding = embeddings[index];
    return embedding === undefined
      ? []
      : [{ embedding, label, group, defective: classes[classIndex]?.kind === "defect" }];
  });
  return checkSeparation(items, job.seed);
}

/** Warnings are told; an error stops the training before time is spent on it. */
function report(job: TrainingJob, findings: readonly DataFinding[]): void {
  for (const { severity, text } of findings) if (severity === "warning") job.onWarning(text);
  const error = findings.find(({ severity }) => severity === "error");
  if (error !== undefined) throw new SightlineError("DATA_INVALID", error.text);
}

/** Parts of every class are held out of one run; it stops by them and is judged by them. */
async function holdOut(context: Context): Promise<Outcome> {
  const { job, store } = context;
  requireParts(context, 2);
  const validation = holdOutParts(store.regions, job.validationShare, job.seed);
  report(job, checkTrainingData({ set: job.set, samples: context.samples, store, plan: job.regions, validation }));
  const heldOut = new Set(validation);
  const fit = [...store.regions.keys()].filter((index) => !heldOut.has(index));
  const final = await trainSide(context, { fit, validation, name: "held-out" });
  const judge = async (model: Model): Promise<Judged> => {
    const frames = await judgeSide(context, model, validation);
    return { frames, folds: frames.map(() => 0) };
  };
  return { final, float32: await judge(final.float32), int8: await judge(final.int8) };
}

/**
 * A model on all parts, judged by models that each did without one fold of them. Those train for as long as the final one
 * does and stop by nothing, so that a fold is looked at only once.
 */
async function crossValidate(context: Context): Promise<Outcome> {
  const { job, store } = context;
  requireParts(context, job.folds);
  const folds = stratifiedGroupFolds(store.regions, job.folds, job.seed);
  checkNoLeak(store.regions, folds);
  report(job, checkTrainingData({ set: job.set, samples: context.samples, store, plan: job.regions, validation: [] }));
  const everyone = [...store.regions.keys()];
  const float32: { frames: JudgedFrame[]; folds: number[] } = { frames: [], folds: [] };
  const int8: { frames: JudgedFrame[]; folds: number[] } = { frames: [], folds: [] };
  for (let fold = 0; fold < job.folds; fold++) {
    if (job.signal.aborted) throw new SightlineError("INTERRUPTED", "stopped before every fold was judged");
    const fit = everyone.filter((index) => folds[index] !== fold);
    const test = everyone.filter((index) => folds[index] === fold);
    const side = await trainSide(context, { fit, validation: null, name: `fold-${fold + 1}` });
    for (const [tally, model] of [
      [float32, side.float32],
      [int8, side.int8],
    ] as const) {
      const frames = await judgeSide(context, model, test);
      tally.frames.push(...frames);
      tally.folds.push(...frames.map(() => fold));
    }
  }
  const final = await trainSide(context, { fit: everyone, validation: null, name: "all" });
  return { final, float32, int8 };
}

interface Side {
  readonly fit: readonly number[];
  readonly validation: readonly number[] | null;
  readonly name: string;
}

async function trainSide(context: Context, { fit, validation, name }: Side): Promise<Trained> {
  const { job } = context;
  let rounds = 0;
  const learned = await learn(
    {
      ...job,
      ...context,
      imageBudget: imageBudget(fit.length, job.epochs),
      onHeadRound: () => job.onProgress("head", ++rounds, HEAD_ROUNDS, name),
      onStep: ({ step, totalSteps, loss, validationLoss }) =>
        job.onProgress("tune", step, totalSteps, stepDetail(name, loss, validationLoss)),
    },
    { fit, validation, positions: job.positionsOf?.(name) ?? null },
  );
  const float32 = attachHead(learned.backbone, learned.head, 1);
  // A head on a backbone that came in int8: the whole is what devices run already.
  if (isQuantized(learned.backbone)) return { learned, float32, int8: float32 };
  const int8 = await quantizeForDevice(float32, context.store, fit, {
    runtime: job.runtime,
    seed: job.seed,
    onProgress: (done, total) => job.onProgress("quantize", done, total, name),
  });
  return { learned, float32, int8 };
}

const HEAD_ROUNDS = 4;

const stepDetail = (name: string, loss: number, validationLoss: number | null): string =>
  `${name}, loss ${loss.toFixed(3)}${validationLoss === null ? "" : `, held out ${validationLoss.toFixed(3)}`}`;

async function judgeSide(
  { job, classes, store }: Context,
  model: Model,
  indices: readonly number[],
): Promise<JudgedFrame[]> {
  const { runtime, set } = job;
  const onProgress = (done: number, total: number): void => job.onProgress("judge", done, total);
  const rows = await judgeRegions(encodeModel(model), store, indices, { classes, runtime, onProgress });
  return judgedFrames(store, indices, rows, { set, classes });
}

function requireParts({ classes, store }: Context, least: number): void {
  classes.forEach(({ name }, classIndex) => {
    const parts = new Set(store.regions.filter((region) => region.classIndex === classIndex).map(({ group }) => group))
      .size;
    if (parts >= least) return;
    const why = least === 2 ? "one to learn from and one to be held out" : "one for each fold";
    throw new SightlineError("DATA_INVALID", `class ${name} has ${parts} parts; ${least} are needed, ${why}`);
  });
}

const refusalOf = ({ aurocLoss, balancedAccuracyLoss }: QuantizationCost): string =>
  `int8 loses ${aurocLoss.toFixed(4)} of AUROC and ${balancedAccuracyLoss.toFixed(4)} of balanced accuracy on held-out ` +
  `parts, more than ${LARGEST_LOSS.auroc} and ${LARGEST_LOSS.balancedAccuracy}: model.onnx stays float32; see quantize --help`;

/** Temperature and limits from held-out frames judged at temperature 1. */
function decisionOf({ frames }: Judged, classes: readonly ModelClass[]): BundleManifest["decision"] {
  const regions = frames.flatMap((frame) => frame.regions).filter(({ truth }) => truth !== null && truth >= 0);
  const temperature = fitTemperature(
    regions.map(({ probabilities }) => logitsOf(probabilities)),
    regions.map(({ truth }) => truth ?? 0),
  );
  return { temperature, ...chooseLimits(calibrated(frames, temperature, classes)) };
}

/** Logits up to a constant, of probabilities at temperature 1. */
const logitsOf = (probabilities: Float32Array): Float64Array =>
  Float64Array.from(probabilities, (value) => Math.log(Math.max(value, 1e-12)));

/** The same frames with probabilities at another temperature. */
function calibrated(
  frames: readonly JudgedFrame[],
  temperature: number,
  classes: readonly ModelClass[],
): JudgedFrame[] {
  return frames.map((frame) => {
    const regions = frame.regions.map((region) => {
      const probabilities = Float32Array.from(softmax(logitsOf(region.probabilities), temperature));
      return { ...region, probabilities, ngScore: ngScore(probabilities, classes) };
    });
    const worst = regions.reduce((most, region) => (region.ngScore > most.ngScore ? region : most));
    return { ...frame, regions, probabilities: worst.probabilities, ngScore: worst.ngScore };
  });
}

/** On few held-out frames a single one moves balanced accuracy by more than the gate; then the same class must be given. */
const LEAST_CLASS_AGREEMENT = 0.97;

function costOf(float32: Judged, int8: Judged, final: Trained, classes: readonly ModelClass[]): QuantizationCost {
  const cost = parity(float32.frames, int8.frames, decisionOf(float32, classes));
  return {
    ...cost,
    accepted:
      isWithin(cost, LARGEST_LOSS) ||
      (cost.aurocLoss <= LARGEST_LOSS.auroc && cost.classAgreement >= LEAST_CLASS_AGREEMENT),
    float32Bytes: encodeModel(final.float32).length,
    int8Bytes: encodeModel(final.int8).length,
  };
}

function slicedReport(
  { job, classes }: Context,
  { frames, folds }: Judged,
  decision: BundleManifest["decision"],
): SlicedReport {
  const scored = calibrated(frames, decision.temperature, classes);
  const options = { classCount: classes.length, limits: decision, seed: job.seed };
  const sourceOf = new Map(job.set.samples.map(({ sha256, source }) => [sha256, source]));
  const sources = [...new Set(job.set.samples.map(({ source }) => source))].sort((a, b) => a - b);
  const bySource = sources.map((source) => {
    const indices = [...scored.keys()].filter((index) => sourceOf.get(scored[index]?.sha256 ?? "") === source);
    const chosen = indices.flatMap((index) => scored[index] ?? []);
    return qualityReport(
      chosen,
      indices.map((index) => folds[index] ?? 0),
      options,
    );
  });
  const cut = job.regions.mode === "full" ? null : regionsAsFrames(scored, folds);
  return {
    all: qualityReport(scored, folds, options),
    bySource,
    regions: cut === null ? null : qualityReport(cut.frames, cut.folds, options),
  };
}

function regionsAsFrames(
  frames: readonly JudgedFrame[],
  folds: readonly number[],
): { frames: ScoredFrame[]; folds: number[] } {
  const result: { frames: ScoredFrame[]; folds: number[] } = { frames: [], folds: [] };
  frames.forEach(({ group, regions }, index) => {
    for (const { probabilities, ngScore: score, truth, defective } of regions) {
      if (truth === null || defective === null) continue;
      result.frames.push({ group, defective, ngScore: score, truth, guess: likeliest(probabilities) });
      result.folds.push(folds[index] ?? 0);
    }
  });
  return result;
}

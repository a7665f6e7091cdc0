import type { BundleManifest, ModelClass, RegionPlan } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { attachHead } from "./attach-head.ts";
import type { BaseHead } from "./base-model.ts";
import { checkSeparation, checkTrainingData, type DataFinding } from "./check-data.ts";
import type { InputSizePx, UnreadableFile } from "./model-pixels.ts";
import { embedRegions } from "./embed-regions.ts";
import type { EpochResult, PositionStore } from "./finetune/fine-tune.ts";
import { checkNoLeak, stratifiedGroupFolds } from "../statistics/group-folds.ts";
import { holdOutParts } from "./hold-out.ts";
import { isQuantized } from "./is-quantized.ts";
import { type JoinedParts, joinLookalikes, lookalikeSentences } from "./join-lookalikes.ts";
import { judgedFrames, judgeRegions } from "./judge-regions.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import { learn, type LearnJob, type Learned } from "./learn.ts";
import type { LearningSet } from "./learning-set.ts";
import { calibratedFrames, decisionFrom } from "./held-out-decision.ts";
import { withCalibration } from "./model-calibration.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { fillPixelStore, type PixelStore } from "./pixel-store.ts";
import { costOf, type QuantizationCost, refusalOf } from "./quantization-cost.ts";
import { quantizeForDevice } from "./quantize-device-model.ts";
import { type Judged, slicedReport, type SlicedReport } from "./sliced-report.ts";
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
  /** Part ids whose pictures show one part become one; needs whole frames, see join-lookalikes.ts. */
  readonly joinLookalikes: boolean;
  /** Share of the parts held out where folds is 1. */
  readonly validationShare: number;
  /** Where folds is 1: train once more on all parts, for as many steps as the run that was judged, and ship that. */
  readonly refit: boolean;
  /** Judged as it is in place of a first run, which the refit goes on from; null: a first run is trained. */
  readonly judgedHead: BaseHead | null;
  readonly runtime: OnnxProcess;
  readonly cachePath: string;
  /** Where a run's positions are kept, by its name; null: it cannot be resumed. */
  readonly positionsOf: ((run: string) => PositionStore) | null;
  readonly onProgress: (stage: TrainingStage, done: number, total: number, detail?: string) => void;
  readonly onWarning: (sentence: string) => void;
}

export interface TrainedModel {
  readonly classes: readonly ModelClass[];
  /** What devices run: int8 where that was accepted, else the checkpoint. */
  readonly deviceModel: Model;
  /** float32. */
  readonly checkpoint: Model;
  readonly decision: BundleManifest["decision"];
  /** [classes], added to the tempered logits, see fit-calibration.ts. */
  readonly classBiases: readonly number[];
  /** As `--layers` names them. */
  readonly layers: string;
  readonly headEpochs: number;
  readonly steps: number;
  readonly interrupted: boolean;
  readonly history: readonly EpochResult[];
  readonly unreadable: readonly UnreadableFile[];
  readonly undecidedRegions: number;
  /** Part ids that were joined and what was left out for it; null: not asked for. */
  readonly lookalikes: JoinedParts | null;
  /** Of the models that were judged, on parts they did not learn from; `accepted` of both, where the shipped one is another. */
  readonly quantization: QuantizationCost;
  /** Of the shipped model, where it is another: on parts it learned from. A measure of int8, not of quality. */
  readonly shippedQuantization: QuantizationCost | null;
  /** How the figures were won: frames no model saw, of parts held out or fold by fold. */
  readonly validation: {
    readonly kind: "held out" | "folds";
    readonly folds: number;
    readonly parts: number;
    /** The model was trained once more on all parts after the figures were won. */
    readonly refit: boolean;
    /** The figures are those of the base as it came, which the refit went on from. */
    readonly ofBase: boolean;
  };
  /** Quality on held-out frames: `all`, and each data folder by its position. */
  readonly report: { readonly float32: SlicedReport; readonly device: SlicedReport };
  /** Held-out frames as the device model judged them, with the fold of each. */
  readonly heldOut: { readonly frames: readonly JudgedFrame[]; readonly folds: readonly number[] };
  /** Every image a weight or a limit was fitted on, by SHA-256. */
  readonly trainingFiles: readonly string[];
}

/** Trains, judges on parts no model saw, calibrates and quantises. The same job gives the same bytes. */
export async function trainModel(given: TrainingJob): Promise<TrainedModel> {
  if (given.layers.kind !== "head" && isQuantized(given.backbone)) {
    const sentence =
      "the base computes in int8: only a head can be trained on it (--layers head); other layers need its";
    throw new SightlineError("DATA_INVALID", `${sentence} checkpoint.onnx`);
  }
  const listed = await listTrainingRegions(given.set, given.regions);
  const gathered = await fillPixelStore(given.set, listed, {
    size: { widthPx: given.widthPx, heightPx: given.heightPx },
    onProgress: (done, total) => given.onProgress("read", done, total),
    signal: given.signal,
  }).catch((error: unknown) => {
    throw given.signal.aborted ? new SightlineError("INTERRUPTED", "nothing was trained yet", { cause: error }) : error;
  });
  const { classes } = listed;
  const { job, store, lookalikes } = withJoinedParts(given, gathered, classes);
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
  const judgedCost = costOf(float32, int8, final, classes);
  const isJudged = judged.parityOn.length === 0 || final.int8 === final.float32;
  const shippedCost = isJudged ? null : await costOfShipped(context, final, judged.parityOn);
  if (!judgedCost.accepted) job.onWarning(refusalOf(judgedCost, "held-out parts"));
  else if (shippedCost?.accepted === false) job.onWarning(refusalOf(shippedCost, "parts it learned from"));
  const quantization = { ...judgedCost, accepted: judgedCost.accepted && shippedCost?.accepted !== false };
  const device = quantization.accepted ? int8 : float32;
  const decision = decisionFrom(device.frames, classes);
  const { calibration, limits } = decision;
  const calibrated = (model: Model): Model => withCalibration(model, calibration);
  return {
    classes,
    deviceModel: calibrated(quantization.accepted ? final.int8 : final.float32),
    checkpoint: calibrated(final.float32),
    decision: { temperature: calibration.temperature, ...limits },
    classBiases: calibration.biases,
    layers: describeLayers(job.layers),
    headEpochs: final.learned.headEpochs,
    steps: final.learned.steps,
    interrupted: job.signal.aborted,
    history: judged.history,
    unreadable: [...listed.unreadable, ...store.unreadable],
    undecidedRegions: listed.undecidedCount,
    lookalikes,
    quantization,
    shippedQuantization: shippedCost,
    validation: {
      kind: job.folds > 1 ? "folds" : "held out",
      folds: job.folds,
      parts: new Set(device.frames.map(({ group }) => group)).size,
      refit: judged.refit,
      ofBase: job.judgedHead !== null,
    },
    report: {
      float32: slicedReport({ ...job, classes }, float32, decisionFrom(float32.frames, classes)),
      device: slicedReport({ ...job, classes }, device, decision),
    },
    heldOut: { frames: calibratedFrames(device.frames, calibration, classes), folds: device.folds },
    trainingFiles: [...new Set(job.set.samples.map(({ sha256 }) => sha256))].sort(),
  };
}

function withJoinedParts(
  job: TrainingJob,
  store: PixelStore,
  classes: readonly ModelClass[],
): { readonly job: TrainingJob; readonly store: PixelStore; readonly lookalikes: JoinedParts | null } {
  if (!job.joinLookalikes) return { job, store, lookalikes: null };
  const { found, ...joined } = joinLookalikes({ set: job.set, store }, classes);
  for (const sentence of lookalikeSentences(found)) job.onWarning(sentence);
  return { job: { ...job, set: joined.set }, store: joined.store, lookalikes: found };
}

interface Context {
  readonly job: TrainingJob;
  readonly samples: TrainingSamples;
  readonly classes: readonly ModelClass[];
  readonly store: PixelStore;
  readonly embed: LearnJob["embed"];
}

/** One learning run with what a device would run of it; not calibrated. */
interface Trained {
  readonly learned: Learned;
  readonly float32: Model;
  readonly int8: Model;
}

interface Outcome {
  readonly final: Trained;
  /** `final` is a second run on all parts; the frames were judged by the first. */
  readonly refit: boolean;
  /** Regions on which the int8 of `final` is held against its float32; none where `final` itself was judged. */
  readonly parityOn: readonly number[];
  /** Of the run that was judged, where one was. */
  readonly history: readonly EpochResult[];
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

/**
 * Parts of every class are held out of one run; it stops by them and is judged by them. A refit then repeats the run on
 * all parts, for the steps it was best at; cut short, the model that was judged stays.
 */
async function holdOut(context: Context): Promise<Outcome> {
  const { job, store } = context;
  requireParts(context, 2);
  const validation = holdOutParts(store.regions, job.validationShare, job.seed);
  report(job, checkTrainingData({ set: job.set, samples: context.samples, store, plan: job.regions, validation }));
  const heldOut = new Set(validation);
  const fit = [...store.regions.keys()].filter((index) => !heldOut.has(index));
  const first = await (job.judgedHead === null
    ? trainSide(context, { fit, validation, name: "held-out", asLongAs: null })
    : ready(context, asItIs(context, job.judgedHead), { fit, name: "base" }));
  const float32 = await judgeTogether(context, first.float32, validation);
  const int8 = await judgeTogether(context, first.int8, validation);
  const { history } = first.learned;
  const again = await refitted(context, first.learned, fit.length);
  const parityOn = again === null ? [] : validation;
  return { final: again ?? first, refit: again !== null, parityOn, history, float32, int8 };
}

async function refitted(context: Context, asLongAs: Learned, budgetRegions: number): Promise<Trained | null> {
  const { job, store } = context;
  if (!job.refit || job.signal.aborted) return null;
  const fit = [...store.regions.keys()];
  const again = await trainSide(context, { fit, validation: null, name: "refit", asLongAs, budgetRegions });
  return job.signal.aborted ? null : again;
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
    const side = await trainSide(context, { fit, validation: null, name: `fold-${fold + 1}`, asLongAs: null });
    for (const [tally, model] of [
      [float32, side.float32],
      [int8, side.int8],
    ] as const) {
      const frames = await judgeSide(context, model, test);
      tally.frames.push(...frames);
      tally.folds.push(...frames.map(() => fold));
    }
  }
  const final = await trainSide(context, { fit: everyone, validation: null, name: "all", asLongAs: null });
  const parityOn = everyone.filter((index) => folds[index] === 0);
  return { final, refit: false, parityOn, history: final.learned.history, float32, int8 };
}

function asItIs({ job: { backbone }, classes }: Context, head: BaseHead): Learned {
  const names = classes.map(({ name }) => name).join(", ");
  if (head.classNames.join(", ") !== names) {
    const text = `the base's classes are ${head.classNames.join(", ")}, those of the data ${names}: it cannot be judged on them`;
    throw new SightlineError("DATA_INVALID", text);
  }
  return { backbone, head, headEpochs: 0, steps: 0, keptSteps: [], interrupted: false, history: [] };
}

interface Side {
  readonly fit: readonly number[];
  readonly validation: readonly number[] | null;
  readonly name: string;
  readonly asLongAs: Learned | null;
  /** Regions the number of steps is meant for; those of `fit` unless told. */
  readonly budgetRegions?: number;
}

async function trainSide(context: Context, side: Side): Promise<Trained> {
  const { job } = context;
  const { fit, validation, name, asLongAs, budgetRegions = fit.length } = side;
  let rounds = 0;
  const learned = await learn(
    {
      ...job,
      ...context,
      imageBudget: imageBudget(budgetRegions, job.epochs),
      onHeadRound: () => job.onProgress("head", ++rounds, HEAD_ROUNDS, name),
      onStep: ({ step, totalSteps, loss, validationLoss }) =>
        job.onProgress("tune", step, totalSteps, stepDetail(name, loss, validationLoss)),
    },
    { fit, validation, asLongAs, positions: job.positionsOf?.(name) ?? null },
  );
  return ready(context, learned, side);
}

/** What a device would run of it. */
async function ready(context: Context, learned: Learned, { fit, name }: Pick<Side, "fit" | "name">): Promise<Trained> {
  const { job } = context;
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

async function judgeTogether(context: Context, model: Model, indices: readonly number[]): Promise<Judged> {
  const frames = await judgeSide(context, model, indices);
  return { frames, folds: frames.map(() => 0) };
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

/** The judged models passed the gate; this is another network, whose own int8 may lose what theirs did not. */
async function costOfShipped(context: Context, final: Trained, indices: readonly number[]): Promise<QuantizationCost> {
  const float32 = await judgeTogether(context, final.float32, indices);
  const int8 = await judgeTogether(context, final.int8, indices);
  return costOf(float32, int8, final, context.classes);
}

import type { ModelClass } from "../contracts/model-bundle.ts";
import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import type { CellGrid } from "../imaging/augment.ts";
import type { Model } from "../onnx/model-file.ts";
import { inferShapes } from "../onnx/tensor-shapes.ts";
import type { LinearHead } from "./attach-head.ts";
import type { AugmentationSettings } from "./augmentation.ts";
import { augmentedStream } from "./augmented-stream.ts";
import { softmax } from "./calibrate-scores.ts";
import { featureMapName } from "./device-graph.ts";
import { imageInput } from "./embed-regions.ts";
import { type EpochResult, fineTune, type FineTuneProgress, type PositionStore } from "./finetune/fine-tune.ts";
import type { FineTuneSettings } from "./finetune/fine-tune.ts";
import { stagesOf } from "./finetune/stages.ts";
import type { TrainingProcess } from "./finetune/training-process.ts";
import { fitHead, fitHeadFor, type HeadExample, type StoppedHead } from "./fit-head.ts";
import type { Layers } from "./network-blocks.ts";
import type { PixelStore } from "./pixel-store.ts";
import { takeEvenly } from "./take-evenly.ts";
import { topCellCount } from "./top-cells.ts";
import type { HeadTrainingOptions } from "./train-head.ts";

/** What every learning run of a job shares. */
export interface LearnJob {
  /** Device graph that ends in `embedding`. */
  readonly backbone: Model;
  readonly classes: readonly ModelClass[];
  readonly store: PixelStore;
  /** Embeddings of regions by the backbone as it came. */
  readonly embed: (indices: readonly number[]) => Promise<Float32Array[]>;
  readonly layers: Layers;
  readonly head: Omit<HeadTrainingOptions, "classCount">;
  readonly fineTuning: Omit<FineTuneSettings, "stepsPerEpoch">;
  readonly augmentation: AugmentationSettings;
  /** Images drawn in all stages together. */
  readonly imageBudget: number;
  readonly balance: number;
  readonly goodShare: number;
  /** Share of the outlined defects shown on another part's picture, see transplant.ts. */
  readonly transplantShare: number;
  /** Share of the heatmap's cells that make an image's logits, see top-cells.ts; null: all of them, in the mean. */
  readonly topShare: number | null;
  readonly seed: number;
  readonly training: TrainingProcess;
  readonly signal: AbortSignal;
  readonly onHeadRound: () => void;
  readonly onStep: (progress: FineTuneProgress & { readonly totalSteps: number }) => void;
}

/** What one run learns from, as positions in the store, and what it is held against; null: nothing is held out. */
export interface LearnSides {
  readonly fit: readonly number[];
  readonly validation: readonly number[] | null;
  /** A run on other parts whose epochs and kept steps this one repeats; null: it finds them itself. */
  readonly asLongAs: Learned | null;
  readonly positions: PositionStore | null;
}

export interface Learned {
  readonly backbone: Model;
  readonly head: LinearHead;
  readonly headEpochs: number;
  readonly steps: number;
  /** Steps of each stage after which its weights were kept. */
  readonly keptSteps: readonly number[];
  readonly interrupted: boolean;
  readonly history: readonly EpochResult[];
}

/** A head is fitted on at most this many examples; more do not change it, and TensorFlow.js on a CPU is slow. */
const MOST_HEAD_EXAMPLES = 6000;
/** Looked at after every epoch to find the best one; the figures at the end are of all held-out regions. */
const MOST_VALIDATION_REGIONS = 1500;
/** Epochs of the head a fine-tuning starts from. */
const START_EPOCHS = 60;
/** Validations in a run. */
const VALIDATIONS = 12;

/**
 * Head first, then the layers below: a fine-tuning that began with a random head would spoil the features before the
 * head could use them (Kumar et al. 2022, "Fine-tuning can distort pretrained features").
 */
export async function learn(job: LearnJob, sides: LearnSides): Promise<Learned> {
  const examples = await headExamples(job, sides.fit);
  const options = { ...job.head, classCount: job.classes.length };
  if (job.layers.kind === "head") {
    const { head, epochs } = await headAlone(job, sides, examples, options);
    return {
      backbone: job.backbone,
      head,
      headEpochs: epochs,
      steps: 0,
      keptSteps: [],
      interrupted: false,
      history: [],
    };
  }
  const { store, classes, seed } = job;
  const head = { ...(await fitHeadFor(START_EPOCHS, examples, options)), ...pooling(job) };
  job.onHeadRound();
  const planned = stagesOf(job.backbone, job.layers, Math.ceil(job.imageBudget / job.fineTuning.batchSize));
  const stages = planned.map((stage, index) => ({
    ...stage,
    lastStep: sides.asLongAs?.keptSteps[index] ?? stage.steps,
  }));
  const totalSteps = stages.reduce((sum, { lastStep }) => sum + lastStep, 0);
  const cells = job.fineTuning.cellLossWeight > 0 ? cellGrid(job.backbone, store) : null;
  const validation = sides.validation === null ? null : evenly(store, sides.validation, MOST_VALIDATION_REGIONS, seed);
  let stepsBefore = 0;
  let lastStep = 0;
  const tuned = await fineTune({
    ...store.size,
    backbone: job.backbone,
    head,
    goodClass: classes.findIndex(({ kind }) => kind === "good"),
    stages,
    batchAt: augmentedStream({
      ...job,
      indices: sides.fit,
      batchSize: job.fineTuning.batchSize,
      cells,
      seed,
    }),
    settings: { ...job.fineTuning, stepsPerEpoch: Math.ceil(totalSteps / VALIDATIONS) },
    process: job.training,
    validate: validation === null ? null : (predict) => validationLoss(job, validation, predict),
    signal: job.signal,
    onProgress: (progress) => {
      if (progress.step < lastStep) stepsBefore += lastStep;
      lastStep = progress.step;
      job.onStep({ ...progress, step: stepsBefore + progress.step, totalSteps });
    },
    positions: sides.positions,
  });
  return { ...tuned, headEpochs: START_EPOCHS };
}

async function headAlone(
  job: LearnJob,
  { asLongAs }: LearnSides,
  examples: readonly HeadExample[],
  options: HeadTrainingOptions,
): Promise<StoppedHead> {
  if (asLongAs === null) return fitHead(examples, options, job.seed + 1, job.onHeadRound);
  const epochs = asLongAs.headEpochs;
  return { head: await fitHeadFor(epochs, examples, options), epochs };
}

async function headExamples({ store, embed, seed }: LearnJob, fit: readonly number[]): Promise<HeadExample[]> {
  const chosen = evenly(store, fit, MOST_HEAD_EXAMPLES, seed);
  const embeddings = await embed(chosen);
  return chosen.flatMap((index, row) => {
    const region = store.regions[index];
    const embedding = embeddings[row];
    if (region === undefined || embedding === undefined) return [];
    return [{ label: region.label, group: region.group, classIndex: region.classIndex, embedding }];
  });
}

/** At most `count` of the regions, of every class as many as of the others where they are there; in their order. */
const evenly = ({ regions }: PixelStore, indices: readonly number[], count: number, seed: number): number[] =>
  takeEvenly(indices, count, (index) => regions[index]?.label ?? "", seed).sort((a, b) => a - b);

function cellGrid(backbone: Model, { size }: PixelStore): CellGrid {
  const image = [1, size.heightPx, size.widthPx, 3];
  const shape = inferShapes(backbone.graph, new Map([[MODEL_INPUT, image]])).get(featureMapName(backbone.graph));
  return { rows: shape?.[2] ?? 1, columns: shape?.[3] ?? 1 };
}

function pooling({ topShare, backbone, store, classes }: LearnJob): Pick<LinearHead, "topCells"> {
  if (topShare === null) return {};
  const { rows, columns } = cellGrid(backbone, store);
  const good = classes.flatMap(({ kind }, index) => (kind === "good" ? [index] : []));
  return { topCells: { count: topCellCount(rows * columns, topShare), good } };
}

const VALIDATION_BATCH = 16;

/** Negative log likelihood of the true classes, every class weighing the same. */
async function validationLoss(
  { store, classes }: LearnJob,
  indices: readonly number[],
  predict: Parameters<NonNullable<Parameters<typeof fineTune>[0]["validate"]>>[0],
): Promise<number> {
  const losses = classes.map(() => ({ sum: 0, count: 0 }));
  for (let start = 0; start < indices.length; start += VALIDATION_BATCH) {
    const chosen = indices.slice(start, start + VALIDATION_BATCH);
    const { data, dims } = imageInput(store, chosen);
    const logits = await predict({ data, dims });
    chosen.forEach((index, row) => {
      const truth = store.regions[index]?.classIndex ?? 0;
      const scores = Float64Array.from(logits.subarray(row * classes.length, (row + 1) * classes.length));
      const tally = losses[truth];
      if (tally === undefined) return;
      tally.sum -= Math.log(Math.max(softmax(scores, 1)[truth] ?? 0, 1e-12));
      tally.count++;
    });
  }
  const present = losses.filter(({ count }) => count > 0);
  return present.reduce((sum, { sum: total, count }) => sum + total / count, 0) / present.length;
}

import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { Model } from "../../onnx/model-file.ts";
import type { LinearHead } from "../attach-head.ts";
import type { InputSizePx } from "../embed.ts";
import type { AdamSettings } from "./adam.ts";
import { learningRateAt, type ScheduleSettings } from "./learning-rate.ts";
import { type CellCoverage, cellTargets, imageTargets } from "./soft-targets.ts";
import { stageGraphs } from "./stage-graphs.ts";
import { trainableNetwork, withTrainedWeights } from "./trainable-network.ts";
import type { BatchInput } from "./training-messages.ts";
import type { TrainingProcess } from "./training-process.ts";

/** One batch of training images with what they show. */
export interface TrainingBatch {
  /** uint8 [N,H,W,3]. */
  readonly pixels: Uint8Array;
  readonly classIndices: ArrayLike<number>;
  /** Where the defects are, over the cells of the last feature map; null: nothing is marked. */
  readonly coverage: CellCoverage | null;
}

/** An endless seeded stream of batches; `position` numbers them from 0, and the same number gives the same batch. */
export type BatchAt = (position: number) => Promise<TrainingBatch>;

/** Batches whose statistics size the steps. */
const SCALE_BATCHES = 4;

/** What trains together: everything from tensor `input` on. */
export interface Stage {
  readonly label: string;
  readonly input: string;
  readonly parameters: readonly string[];
  readonly steps: number;
}

export interface FineTuneSettings {
  readonly batchSize: number;
  readonly labelSmoothing: number;
  /** Weight of the loss at marked places beside the image's own. */
  readonly cellLossWeight: number;
  readonly schedule: ScheduleSettings;
  readonly optimizer: AdamSettings;
  /** The head learns this many times as fast as the layers below. */
  readonly headRate: number;
  /** Validate every so many steps. */
  readonly stepsPerEpoch: number;
  /** Stop after this many epochs without a better validation loss. */
  readonly patienceEpochs: number;
  readonly threads: number;
}

export interface FineTuneProgress {
  readonly stage: Stage;
  readonly step: number;
  readonly totalSteps: number;
  readonly loss: number;
}

export interface FineTuneJob extends InputSizePx {
  readonly backbone: Model;
  readonly head: LinearHead;
  readonly goodClass: number;
  readonly stages: readonly Stage[];
  readonly batchAt: BatchAt;
  readonly settings: FineTuneSettings;
  readonly process: TrainingProcess;
  /** Loss on held-out images, from a function that gives the logits of a batch; null: nothing is held out. */
  readonly validate: ((predict: (input: BatchInput) => Promise<Float32Array>) => Promise<number>) | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FineTuneProgress) => void;
  readonly onEpoch?: (epoch: { readonly trainingLoss: number; readonly validationLoss: number | null }) => void;
}

export interface FineTuneResult {
  readonly backbone: Model;
  readonly head: LinearHead;
  /** Steps taken over all stages; fewer than planned where it stopped early or was interrupted. */
  readonly steps: number;
  readonly interrupted: boolean;
  /** Mean training loss and validation loss after each epoch. */
  readonly history: readonly { readonly trainingLoss: number; readonly validationLoss: number | null }[];
}

/**
 * Fine-tunes a backbone and its head, stage after stage (gradual unfreezing: Howard & Ruder 2018), each with its own
 * warm-up and cosine. What is validated and kept is the running average of the weights; with validation, the best
 * epoch's, otherwise the last. An abort ends the run after the step it is in and keeps the best so far.
 */
export async function fineTune(job: FineTuneJob): Promise<FineTuneResult> {
  let { backbone, head } = job;
  const history: { trainingLoss: number; validationLoss: number | null }[] = [];
  let steps = 0;
  for (const stage of job.stages) {
    if (job.signal.aborted) break;
    await openStage(job, stage, { backbone, head, firstPosition: steps });
    const outcome = await runStage(job, stage, history, steps);
    steps += outcome.steps;
    ({ backbone, head } = withTrainedWeights(backbone, head, outcome.weights));
  }
  return { backbone, head, steps, interrupted: job.signal.aborted, history };
}

/** Opens the stage in the training process and sizes its steps on the first batches. */
async function openStage(
  job: FineTuneJob,
  stage: Stage,
  { backbone, head, firstPosition }: { backbone: Model; head: LinearHead; firstPosition: number },
): Promise<void> {
  try {
    await job.process.open(stageGraphs(job, stage, trainableNetwork(backbone, head)));
  } catch (error) {
    throw new SightlineError("DATA_INVALID", `--layers ${stage.label}: ${messageOf(error)}`, { cause: error });
  }
  const batches: BatchInput[] = [];
  for (let index = 0; index < SCALE_BATCHES; index++) {
    const { pixels } = await job.batchAt(firstPosition + index);
    batches.push({ kind: "pixels", data: Uint8Array.from(pixels), dims: batchDims(job) });
  }
  await job.process.rescale(batches);
}

interface StageOutcome {
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly steps: number;
}

async function runStage(
  job: FineTuneJob,
  stage: Stage,
  history: { trainingLoss: number; validationLoss: number | null }[],
  stepsBefore: number,
): Promise<StageOutcome> {
  const { settings, process, signal } = job;
  const averages = async (): Promise<Map<string, Float32Array>> => {
    const { names, averages: values } = await process.state();
    return new Map(names.map((name, index) => [name, values[index] ?? new Float32Array()]));
  };
  let best: { loss: number; weights: ReadonlyMap<string, Float32Array> } | undefined;
  let epochsWithoutGain = 0;
  let lossSum = 0;
  let next = job.batchAt(stepsBefore);
  let step = 0;
  while (step < stage.steps && !signal.aborted) {
    const batch = await next;
    // The next batch is drawn while this one trains.
    if (step + 1 < stage.steps) next = job.batchAt(stepsBefore + step + 1);
    const { losses } = await process.step({
      ...stepInput(job, batch),
      learningRate: learningRateAt(step, stage.steps, settings.schedule),
    });
    step++;
    const loss = losses.reduce((total, value) => total + value, 0);
    lossSum += loss;
    job.onProgress({ stage, step, totalSteps: stage.steps, loss });
    if (step % settings.stepsPerEpoch !== 0 && step !== stage.steps) continue;
    const epochSteps = step % settings.stepsPerEpoch === 0 ? settings.stepsPerEpoch : step % settings.stepsPerEpoch;
    const validationLoss = job.validate === null ? null : await job.validate((input) => process.predict(input));
    const epoch = { trainingLoss: lossSum / epochSteps, validationLoss };
    history.push(epoch);
    job.onEpoch?.(epoch);
    lossSum = 0;
    if (validationLoss === null) continue;
    if (best === undefined || validationLoss < best.loss) {
      best = { loss: validationLoss, weights: await averages() };
      epochsWithoutGain = 0;
    } else if (++epochsWithoutGain >= settings.patienceEpochs) break;
  }
  // A batch that is being drawn must not fail unheard.
  await next.catch(() => undefined);
  return { weights: best?.weights ?? (await averages()), steps: step };
}

function stepInput(job: FineTuneJob, { pixels, classIndices, coverage }: TrainingBatch) {
  const { labelSmoothing, cellLossWeight } = job.settings;
  const classCount = job.head.classCount;
  const targets = [imageTargets(classIndices, classCount, labelSmoothing)];
  if (cellLossWeight > 0) {
    if (coverage === null) throw new Error("a loss at marked places needs batches with coverage");
    targets.push(cellTargets(classIndices, coverage, { classCount, goodClass: job.goodClass, weight: cellLossWeight }));
  }
  return { input: { kind: "pixels", data: pixels, dims: batchDims(job) } as const, targets };
}

const batchDims = (job: FineTuneJob): number[] => [job.settings.batchSize, job.heightPx, job.widthPx, 3];

import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { Model } from "../../onnx/model-file.ts";
import type { LinearHead } from "../attach-head.ts";
import type { TrainingBatch } from "../augmented-batches.ts";
import type { InputSizePx } from "../model-pixels.ts";
import type { AdamSettings } from "./adam.ts";
import { learningRateAt, type ScheduleSettings } from "./learning-rate.ts";
import { cellTargets, imageTargets } from "./soft-targets.ts";
import { stageGraphs } from "./stage-graphs.ts";
import { trainableNetwork, withTrainedWeights } from "./trainable-network.ts";
import { mean } from "../../statistics/averages.ts";
import type { BatchInput, StepMessage, TrainingState } from "./training-messages.ts";
import type { TrainingProcess } from "./training-process.ts";

/** An endless seeded stream of batches; `position` numbers them from 0, and the same number gives the same batch. */
export type BatchAt = (position: number) => Promise<TrainingBatch>;

/** Batches whose statistics size the steps. */
const SCALE_BATCHES = 4;

/** What trains together: everything from tensor `input` on. */
export interface Stage {
  readonly label: string;
  readonly input: string;
  readonly parameters: readonly string[];
  /** Length of its schedule. */
  readonly steps: number;
  /** Ends after this step of the schedule, for a run that repeats one which was best there; undefined: at its end. */
  readonly lastStep?: number;
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

/** One line of the learning curve. */
export interface EpochResult {
  readonly trainingLoss: number;
  /** null: nothing is held out. */
  readonly validationLoss: number | null;
}

/** Where a run stands after a validation: enough to go on as if it had never stopped. */
export interface FineTunePosition {
  readonly stage: number;
  /** Steps taken in this stage, and in those before it. */
  readonly step: number;
  readonly stepsBefore: number;
  readonly state: TrainingState;
  /** Weights trained by the stages before this one. */
  readonly carried: ReadonlyMap<string, Float32Array>;
  /** Of the stages before this one. */
  readonly keptSteps: readonly number[];
  readonly best: BestEpoch | null;
  readonly epochsWithoutGain: number;
  readonly history: readonly EpochResult[];
}

interface BestEpoch {
  readonly loss: number;
  /** Of the stage. */
  readonly step: number;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Keeps positions somewhere that outlives the process. */
export interface PositionStore {
  load(): Promise<FineTunePosition | null>;
  save(position: FineTunePosition): Promise<void>;
}

export interface FineTuneProgress {
  readonly stage: Stage;
  /** Of the stage's. */
  readonly step: number;
  readonly loss: number;
  readonly validationLoss: number | null;
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
  /** null: an interrupted run cannot be taken up again. */
  readonly positions: PositionStore | null;
}

export interface FineTuneResult {
  readonly backbone: Model;
  readonly head: LinearHead;
  /** Steps taken over all stages; fewer than planned where it stopped early or was interrupted. */
  readonly steps: number;
  /** Steps of each stage after which its weights were kept. */
  readonly keptSteps: readonly number[];
  readonly interrupted: boolean;
  /** Mean training loss and validation loss after each epoch. */
  readonly history: readonly EpochResult[];
}

/**
 * Fine-tunes a backbone and its head, stage after stage (gradual unfreezing: Howard & Ruder 2018), each with its own
 * warm-up and cosine. What is validated and kept is the running average of the weights; with validation, the best
 * epoch's, otherwise the last. An abort ends the run after the step it is in and keeps the best so far.
 */
export async function fineTune(job: FineTuneJob): Promise<FineTuneResult> {
  const saved = (await job.positions?.load()) ?? null;
  const history = [...(saved?.history ?? [])];
  let carried: ReadonlyMap<string, Float32Array> = saved?.carried ?? new Map();
  let stepsBefore = saved?.stepsBefore ?? 0;
  let keptSteps: readonly number[] = saved?.keptSteps ?? [];
  for (const [index, stage] of job.stages.entries()) {
    if (index < (saved?.stage ?? 0) || job.signal.aborted) continue;
    const start = withTrainedWeights(job.backbone, job.head, carried);
    await openStage(job, stage, { ...start, firstPosition: stepsBefore });
    const resumed = saved?.stage === index ? saved : null;
    const outcome = await runStage(job, stage, { index, stepsBefore, carried, keptSteps, history, resumed });
    stepsBefore += outcome.steps;
    keptSteps = [...keptSteps, outcome.keptStep];
    carried = new Map([...carried, ...outcome.weights]);
  }
  const result = withTrainedWeights(job.backbone, job.head, carried);
  return { ...result, steps: stepsBefore, keptSteps, interrupted: job.signal.aborted, history };
}

/** Opens the stage in the training process and sizes its steps on the first batches. */
async function openStage(
  job: FineTuneJob,
  stage: Stage,
  { backbone, head, firstPosition }: { backbone: Model; head: LinearHead; firstPosition: number },
): Promise<void> {
  try {
    const channelBlock = await job.process.channelBlock();
    await job.process.open(stageGraphs({ ...job, channelBlock }, stage, trainableNetwork(backbone, head)));
  } catch (error) {
    throw new SightlineError("DATA_INVALID", `--layers ${stage.label}: ${messageOf(error)}`, { cause: error });
  }
  const batches: BatchInput[] = [];
  for (let index = 0; index < SCALE_BATCHES; index++) {
    const { pixels } = await job.batchAt(firstPosition + index);
    batches.push({ data: Uint8Array.from(pixels), dims: batchDims(job) });
  }
  await job.process.rescale(batches);
}

interface StageOutcome {
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly steps: number;
  /** Step whose weights these are. */
  readonly keptStep: number;
}

interface StageStart {
  readonly index: number;
  readonly stepsBefore: number;
  readonly carried: ReadonlyMap<string, Float32Array>;
  readonly keptSteps: readonly number[];
  /** Added to. */
  readonly history: EpochResult[];
  readonly resumed: FineTunePosition | null;
}

async function runStage(job: FineTuneJob, stage: Stage, start: StageStart): Promise<StageOutcome> {
  const { settings, process, signal } = job;
  const { stepsBefore, resumed, history } = start;
  if (resumed !== null) await process.restore(resumed.state);
  let best = resumed?.best ?? null;
  let epochsWithoutGain = resumed?.epochsWithoutGain ?? 0;
  let step = resumed?.step ?? 0;
  const lastStep = stage.lastStep ?? stage.steps;
  let losses: number[] = [];
  let next = preparedBatch(job, stepsBefore + step);
  while (step < lastStep && epochsWithoutGain < settings.patienceEpochs && !signal.aborted) {
    const { targets, prepared } = await next;
    const learningRate = learningRateAt(step, stage.steps, settings.schedule);
    const taken = process.step({ targets, learningRate });
    // The next batch is drawn, and sent behind the step, while this one trains.
    if (step + 1 < lastStep) next = preparedBatch(job, stepsBefore + step + 1);
    const [result] = await Promise.all([taken, prepared]);
    step++;
    const loss = result.losses.reduce((total, value) => total + value, 0);
    losses.push(loss);
    job.onProgress({ stage, step, loss, validationLoss: history.at(-1)?.validationLoss ?? null });
    if (step % settings.stepsPerEpoch !== 0 && step !== lastStep) continue;
    const validationLoss = job.validate === null ? null : await job.validate((input) => process.predict(input));
    history.push({ trainingLoss: mean(losses), validationLoss });
    losses = [];
    const state = await process.state();
    if (validationLoss !== null && !(validationLoss >= (best?.loss ?? Infinity))) {
      best = { loss: validationLoss, step, weights: averagesOf(state) };
      epochsWithoutGain = 0;
    } else if (validationLoss !== null) epochsWithoutGain++;
    const { index, carried, keptSteps } = start;
    const position = { stage: index, step, stepsBefore, state, carried, keptSteps, best, epochsWithoutGain, history };
    await job.positions?.save(position);
  }
  // Nothing is drawn or sent behind the stage's end.
  await next.then(({ prepared }) => prepared).catch(() => undefined);
  const weights = best?.weights ?? averagesOf(await process.state());
  return { weights, steps: step, keptStep: best?.step ?? step };
}

const averagesOf = ({ names, averages }: TrainingState): Map<string, Float32Array> =>
  new Map(names.map((name, index) => [name, averages[index] ?? new Float32Array()]));

interface PreparedBatch {
  readonly targets: StepMessage["targets"];
  /** Settles when the training process holds the batch. */
  readonly prepared: Promise<void>;
}

/** Draws a batch and sends it to be the next step's; both failures are kept for whoever waits for them. */
function preparedBatch(job: FineTuneJob, position: number): Promise<PreparedBatch> {
  const draw = async (): Promise<PreparedBatch> => {
    const batch = await job.batchAt(position);
    const prepared = job.process.prepare({ data: batch.pixels, dims: batchDims(job) });
    prepared.catch(() => undefined);
    return { targets: stepTargets(job, batch), prepared };
  };
  const drawn = draw();
  drawn.catch(() => undefined);
  return drawn;
}

function stepTargets(job: FineTuneJob, { classIndices, coverage }: TrainingBatch): StepMessage["targets"] {
  const { labelSmoothing, cellLossWeight } = job.settings;
  const classCount = job.head.classCount;
  const targets = [imageTargets(classIndices, classCount, labelSmoothing)];
  if (cellLossWeight > 0) {
    if (coverage === null) throw new Error("a loss at marked places needs batches with coverage");
    targets.push(cellTargets(classIndices, coverage, { classCount, goodClass: job.goodClass, weight: cellLossWeight }));
  }
  return targets;
}

const batchDims = (job: FineTuneJob): number[] => [job.settings.batchSize, job.heightPx, job.widthPx, 3];

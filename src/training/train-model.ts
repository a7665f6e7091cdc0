import type { BundleManifest } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { attachHead } from "./attach-head.ts";
import { chooseLimits, fitTemperature } from "./calibrate-scores.ts";
import {
  crossValidate,
  crossValidateAgain,
  type CrossValidation,
  type EmbeddedSet,
  FOLD_COUNT,
  outOfFoldLogits,
  ROUNDS_PER_HEAD,
  scoreFrames,
  trainFor,
  trainOn,
} from "./cross-validate.ts";
import { embedSamples, type InputSizePx, type UnreadableFile } from "./embed.ts";
import type { LearningSet } from "./learning-set.ts";
import type { ScoredFrame } from "./metrics.ts";
import type { TensorRange } from "../onnx/quantize/quantization-parameters.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { CALIBRATION_FRAMES, calibrateRanges, calibrationSamples, quantizeDeviceGraph } from "./quantize-embedder.ts";
import { type QualityReport, qualityReport } from "./report.ts";
import type { HeadTrainingOptions } from "./train-head.ts";

export type TrainingStage = "embed" | "train" | "calibrate" | "embed-int8";

export interface TrainingJob extends InputSizePx {
  /** Device graph that ends in `embedding`. */
  readonly backbone: Model;
  readonly set: LearningSet;
  readonly training: Omit<HeadTrainingOptions, "classCount">;
  readonly seed: number;
  readonly runtime: OnnxProcess;
  readonly cachePath: string;
  readonly onProgress: (stage: TrainingStage, done: number, total: number) => void;
}

/** What int8 costs on the same held-out frames, each kind with the head trained on its own embeddings. */
export interface QuantizationCost {
  readonly accepted: boolean;
  readonly aurocLoss: number;
  /** Share of frames given the same class by int8 and float32. */
  readonly classAgreement: number;
  /** Largest difference of an NG score. */
  readonly largestScoreChange: number;
  readonly float32Bytes: number;
  readonly int8Bytes: number;
}

export interface TrainedModel {
  /** What devices run: int8 where that was accepted, else the checkpoint. */
  readonly deviceModel: Model;
  /** float32. */
  readonly checkpoint: Model;
  readonly decision: BundleManifest["decision"];
  readonly epochs: number;
  readonly unreadable: readonly UnreadableFile[];
  readonly quantization: QuantizationCost;
  /** Out-of-fold quality: `all`, and each data folder by its position. */
  readonly report: { readonly float32: SlicedReport; readonly device: SlicedReport };
}

export interface SlicedReport {
  readonly all: QualityReport;
  readonly bySource: readonly QualityReport[];
}

/** int8 that loses more AUROC than this is not shipped. */
export const MAX_AUROC_LOSS = 0.005;

/** Trains a head on frozen embeddings, cross-validates, calibrates and quantises. The same job gives the same bytes. */
export async function trainModel(job: TrainingJob): Promise<TrainedModel> {
  const { set, seed } = job;
  const total = set.samples.length;
  const embedded = await embedSamples(set.samples, {
    ...job,
    graph: job.backbone,
    onProgress: (done) => job.onProgress("embed", done, total),
  });
  const usable: EmbeddedSet = { ...embedded, classes: set.classes };
  requireEnough(usable);
  const everyone = [...usable.samples.keys()];
  const rounds = (FOLD_COUNT + 1) * (ROUNDS_PER_HEAD + 1);
  let round = 0;
  const run = {
    training: { ...job.training, classCount: set.classes.length },
    seed,
    onRound: () => job.onProgress("train", ++round, rounds),
  };
  const float32Validation = await crossValidate(usable, run);
  const float32Head = await trainOn(usable, everyone, run);
  const float32 = judgeOutOfFold(usable, float32Validation, seed);
  const checkpoint = attachHead(job.backbone, float32Head.head, float32.decision.temperature);

  // The int8 backbone shifts its embeddings, so its head is trained on what it really gives.
  const ranges = await rangesOf(job, usable);
  const int8Usable: EmbeddedSet = { ...usable, embeddings: await int8Embeddings(job, usable, ranges) };
  const int8Validation = await crossValidateAgain(int8Usable, float32Validation, run);
  const int8Head = await trainFor(float32Head.epochs, int8Usable, everyone, run);
  const int8 = judgeOutOfFold(int8Usable, int8Validation, seed);
  const int8Model = quantizeDeviceGraph(attachHead(job.backbone, int8Head.head, int8.decision.temperature), ranges);

  const quantization = quantizationCost(float32, int8, {
    float32Bytes: encodeModel(checkpoint).length,
    int8Bytes: encodeModel(int8Model).length,
  });
  const device = quantization.accepted ? int8 : float32;
  return {
    deviceModel: quantization.accepted ? int8Model : checkpoint,
    checkpoint,
    decision: device.decision,
    epochs: float32Head.epochs,
    unreadable: embedded.unreadable,
    quantization,
    report: { float32: float32.report, device: device.report },
  };
}

function rangesOf(job: TrainingJob, { samples }: EmbeddedSet): Promise<Map<string, TensorRange>> {
  const chosen = calibrationSamples(samples, CALIBRATION_FRAMES, job.seed);
  return calibrateRanges(job.backbone, chosen, {
    ...job,
    onProgress: (done) => job.onProgress("calibrate", done, chosen.length),
  });
}

async function int8Embeddings(
  job: TrainingJob,
  { samples }: EmbeddedSet,
  ranges: ReadonlyMap<string, TensorRange>,
): Promise<readonly Float32Array[]> {
  const { embeddings } = await embedSamples(samples, {
    ...job,
    graph: quantizeDeviceGraph(job.backbone, ranges),
    onProgress: (done) => job.onProgress("embed-int8", done, samples.length),
  });
  return embeddings;
}

function requireEnough(set: EmbeddedSet): void {
  set.classes.forEach(({ name }, index) => {
    const parts = new Set(set.samples.filter(({ classIndex }) => classIndex === index).map(({ group }) => group)).size;
    if (parts < FOLD_COUNT) {
      throw new SightlineError(
        "DATA_INVALID",
        `class ${name} has ${parts} parts; ${FOLD_COUNT} are needed, one for each fold`,
      );
    }
  });
}

interface Judged {
  readonly frames: readonly ScoredFrame[];
  readonly decision: BundleManifest["decision"];
  readonly report: SlicedReport;
}

function judgeOutOfFold(set: EmbeddedSet, validation: CrossValidation, seed: number): Judged {
  const { folds } = validation;
  const logits = outOfFoldLogits(validation, set.embeddings);
  const temperature = fitTemperature(
    logits,
    set.samples.map(({ classIndex }) => classIndex),
  );
  const frames = scoreFrames(set, logits, temperature);
  const limits = chooseLimits(frames);
  const options = { classCount: set.classes.length, limits, seed };
  const sources = [...new Set(set.samples.map(({ source }) => source))].sort((a, b) => a - b);
  const bySource = sources.map((source) => {
    const indices = [...set.samples.keys()].filter((index) => set.samples[index]?.source === source);
    return qualityReport(
      indices.flatMap((index) => frames[index] ?? []),
      indices.map((index) => folds[index] ?? 0),
      options,
    );
  });
  return {
    frames,
    decision: { temperature, ...limits },
    report: { all: qualityReport(frames, folds, options), bySource },
  };
}

function quantizationCost(
  float32: Judged,
  int8: Judged,
  sizes: { float32Bytes: number; int8Bytes: number },
): QuantizationCost {
  const aurocLoss = float32.report.all.auroc.pooled - int8.report.all.auroc.pooled;
  const pairs = float32.frames.flatMap((frame, index) => {
    const other = int8.frames[index];
    return other === undefined ? [] : [{ frame, other }];
  });
  return {
    accepted: aurocLoss <= MAX_AUROC_LOSS,
    aurocLoss,
    classAgreement: pairs.filter(({ frame, other }) => frame.guess === other.guess).length / pairs.length,
    largestScoreChange: pairs.reduce(
      (most, { frame, other }) => Math.max(most, Math.abs(frame.ngScore - other.ngScore)),
      0,
    ),
    ...sizes,
  };
}

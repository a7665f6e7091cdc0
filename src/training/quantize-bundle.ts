import { SightlineError } from "../contracts/errors.ts";
import type { BundleManifest } from "../contracts/model-bundle.ts";
import { decodeModel, encodeModel, type Model } from "../onnx/model-file.ts";
import type { QuantizationTarget } from "../onnx/quantize/plan-quantization.ts";
import { withTemperature } from "./model-calibration.ts";
import type { CalibrationMethod } from "./calibrate-activations.ts";
import { readCalibrationFrames } from "./calibration-frames.ts";
import { type EditableBundle, rewriteBundle } from "./edit-bundle.ts";
import type { UnreadableFile } from "./model-pixels.ts";
import { bootstrapByPart, type Interval } from "../statistics/intervals.ts";
import { judgeFrames } from "./judge-frames.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import type { LayerError } from "./layer-errors.ts";
import type { LearningSet } from "./learning-set.ts";
import { auroc } from "./metrics.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { knownAccuracy, type LargestLoss, type Parity, parity, requireParity } from "./parity.ts";
import { quantizeCheckpoint } from "./quantize-checkpoint.ts";
import { CHECKPOINT_FILE } from "./write-bundle.ts";

export type QuantizationStage = "quantize" | "judge-float32" | "judge-int8";

export interface QuantizeBundleJob {
  readonly bundle: EditableBundle;
  readonly outPath: string;
  readonly set: LearningSet;
  readonly target: QuantizationTarget;
  readonly method: CalibrationMethod;
  /** Inputs to calibrate on. */
  readonly frames: number;
  readonly largestLoss: LargestLoss;
  readonly seed: number;
  readonly runtime: OnnxProcess;
  readonly onProgress: (stage: QuantizationStage, done: number, total: number) => void;
}

export interface JudgedQuality {
  readonly auroc: number;
  readonly aurocInterval: Interval;
  readonly balancedAccuracy: number;
  readonly balancedAccuracyInterval: Interval;
  readonly bytes: number;
}

export interface QuantizedBundle {
  readonly manifest: BundleManifest;
  readonly cost: Parity;
  readonly float32: JudgedQuality;
  readonly int8: JudgedQuality;
  /** Worst first. */
  readonly layers: readonly LayerError[];
  readonly unreadable: readonly UnreadableFile[];
  /** The ONNX files, for whoever times them. */
  readonly models: { readonly float32: Uint8Array; readonly int8: Uint8Array };
}

/** Sums of integers may differ by a rounding step where a device's kernels order them otherwise. */
const GOLDEN_TOLERANCE = 0.05;
const RESAMPLES = 1000;
/** Layers named on the card. */
const LISTED_LAYERS = 5;

/**
 * Writes a bundle whose model.onnx is int8 made from its checkpoint; its decision limits stay, its certificate goes.
 * Throws SightlineError: BUNDLE_INVALID without a checkpoint, QUANTIZATION_REFUSED when int8 costs more than
 * `largestLoss` on the whole set; nothing is written then.
 */
export async function quantizeBundle(job: QuantizeBundleJob): Promise<QuantizedBundle> {
  const { bundle, set, target, method, runtime } = job;
  const { classes, input, regions, decision } = bundle.manifest;
  const size = { widthPx: input.width, heightPx: input.height };
  const checkpoint = checkpointOf(bundle);
  const frames = await readCalibrationFrames(set.samples, { size, regions, count: job.frames, seed: job.seed });
  const quantized = await quantizeCheckpoint({
    checkpoint,
    frames,
    target,
    method,
    runtime,
    onProgress: (done, total) => job.onProgress("quantize", done, total),
  });
  const models = { float32: encodeModel(checkpoint), int8: encodeModel(quantized.model) };
  const judge = (model: Uint8Array, stage: QuantizationStage) =>
    judgeFrames(model, set, {
      classes,
      input: size,
      regions,
      runtime,
      onProgress: (done, total) => job.onProgress(stage, done, total),
    });
  const exact = await judge(models.float32, "judge-float32");
  const rounded = await judge(models.int8, "judge-int8");
  const cost = parity(exact.frames, rounded.frames, decision);
  requireParity(cost, job.largestLoss, quantized.layers);
  const float32 = qualityOf(exact.frames, models.float32.length, job.seed);
  const int8 = qualityOf(rounded.frames, models.int8.length, job.seed);
  const facts = { target, method, frames: frames.pixels.length, cost, float32, int8 };
  const manifest = await rewriteBundle(
    job.outPath,
    bundle,
    {
      model: models.int8,
      manifest: { certificate: null, goldenTolerance: GOLDEN_TOLERANCE },
      metrics: { quantization: { ...facts, worstLayers: quantized.layers.slice(0, LISTED_LAYERS) } },
      card: [{ heading: "Quantisation", text: cardText(facts) }],
    },
    runtime,
  );
  return { manifest, cost, float32, int8, layers: quantized.layers, unreadable: exact.unreadable, models };
}

/** The checkpoint with the temperature the bundle's limits were chosen for. */
function checkpointOf({ files, manifest }: EditableBundle): Model {
  const bytes = files.get(CHECKPOINT_FILE);
  if (bytes !== undefined) return withTemperature(decodeModel(bytes), manifest.decision.temperature);
  throw new SightlineError(
    "BUNDLE_INVALID",
    `${manifest.name} has no ${CHECKPOINT_FILE}, which int8 is made from; take the bundle as train wrote it on the hub`,
  );
}

function qualityOf(frames: readonly JudgedFrame[], bytes: number, seed: number): JudgedQuality {
  const resampling = { seed, resamples: RESAMPLES };
  return {
    auroc: auroc(frames),
    aurocInterval: bootstrapByPart(frames, auroc, resampling),
    balancedAccuracy: knownAccuracy(frames),
    balancedAccuracyInterval: bootstrapByPart(frames, knownAccuracy, resampling),
    bytes,
  };
}

interface QuantizationFacts {
  readonly target: QuantizationTarget;
  readonly method: CalibrationMethod;
  readonly frames: number;
  readonly cost: Parity;
  readonly float32: JudgedQuality;
  readonly int8: JudgedQuality;
}

function cardText({ target, method, frames, cost, float32, int8 }: QuantizationFacts): string {
  const row = (name: string, quality: JudgedQuality): string =>
    `| ${name} | ${withInterval(quality.auroc, quality.aurocInterval)} | ` +
    `${withInterval(quality.balancedAccuracy, quality.balancedAccuracyInterval)} | ${(quality.bytes / 1e6).toFixed(2)} |`;
  return `int8 for ${target}, calibrated (${method}) on ${frames} inputs; both judged on the same ${cost.frames} frames. The model
may have been trained on some of them: the figures say what int8 costs, not how good the model is.

| | AUROC | balanced accuracy | MB |
| --- | --- | --- | --- |
${row("float32", float32)}
${row("int8", int8)}

The same verdict on ${cost.verdictAgreement.toFixed(4)} of the frames, the same class on ${cost.classAgreement.toFixed(4)}; largest
change of an NG score ${cost.largestScoreChange.toFixed(3)}. Limits were not moved and no certificate holds: run \`sightline calibrate\`.`;
}

const withInterval = (value: number, { low, high }: Interval): string =>
  `${value.toFixed(4)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

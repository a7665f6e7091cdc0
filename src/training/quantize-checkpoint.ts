import type { Model } from "../onnx/model-file.ts";
import type { QuantizationTarget } from "../onnx/quantize/plan-quantization.ts";
import { quantizeModel } from "../onnx/quantize/quantize-model.ts";
import {
  calibrateActivations,
  type CalibrationFrames,
  type CalibrationMethod,
  type CalibrationRun,
  passesOf,
} from "./calibrate-activations.ts";
import { biasCorrectionRuns, correctBiases } from "./correct-biases.ts";
import { equalizeModel } from "./equalize-model.ts";
import { type LayerError, layerErrors } from "./layer-errors.ts";
import { measureMoments } from "./measure-moments.ts";
import { HEAD_PREFIX } from "./model-names.ts";
import type { OnnxProcess } from "./onnx-process.ts";

export const CALIBRATION_FRAMES = 128;
export const DEFAULT_METHOD: CalibrationMethod = "minmax";

/** Measured on MobileNetV1 and magnet tiles: 64 instead of these gave the same distance of the embedding to 0.002. */
const MOMENT_FRAMES = 32;
const CORRECTION_FRAMES = 16;
const RANKING_FRAMES = 8;

/** The head stays float32: it costs next to nothing, and its rounding would cost most. */
export const isHeadNode = (nodeName: string): boolean => nodeName.startsWith(HEAD_PREFIX);

export interface QuantizationJob {
  /** float32 device graph, with its head or without. */
  readonly checkpoint: Model;
  /** What devices will see: every class, every lighting. 128 are plenty. */
  readonly frames: CalibrationFrames;
  readonly target: QuantizationTarget;
  readonly method: CalibrationMethod;
  readonly runtime: OnnxProcess;
  /** In runs of a model on one frame. */
  readonly onProgress: (done: number, total: number) => void;
}

export interface QuantizedCheckpoint {
  readonly model: Model;
  /** Worst first. */
  readonly layers: readonly LayerError[];
}

/**
 * int8 of a checkpoint: channels equalised, activations calibrated, weights rounded for their inputs, biases corrected;
 * see docs/models.md for what each of these brings. The same job gives the same bytes on one machine.
 */
export async function quantizeCheckpoint(job: QuantizationJob): Promise<QuantizedCheckpoint> {
  const { checkpoint, frames, target, method, runtime } = job;
  const total = runsOf(job);
  let done = 0;
  const run: CalibrationRun = {
    runtime,
    method,
    keepFloat: isHeadNode,
    onFrame: () => job.onProgress(Math.min(++done, total), total),
  };
  const equalized = await equalizeModel(checkpoint, frames, run);
  const ranges = await calibrateActivations(equalized, frames, run);
  const moments = await measureMoments(equalized, firstOf(frames, MOMENT_FRAMES), run);
  const rounded = quantizeModel(equalized, ranges, { keepFloat: isHeadNode, target }, moments);
  const model = await correctBiases(equalized, rounded, firstOf(frames, CORRECTION_FRAMES), { ...run, target });
  const layers = await layerErrors(equalized, model, firstOf(frames, RANKING_FRAMES), { ...run, target });
  job.onProgress(total, total);
  return { model, layers };
}

const firstOf = (frames: CalibrationFrames, count: number): CalibrationFrames => ({
  ...frames,
  pixels: frames.pixels.slice(0, count),
});

function runsOf({ checkpoint, frames, target, method }: QuantizationJob): number {
  const count = frames.pixels.length;
  return (
    count * (1 + passesOf(method)) +
    Math.min(count, MOMENT_FRAMES) +
    Math.min(count, CORRECTION_FRAMES) * biasCorrectionRuns(checkpoint, isHeadNode, target) +
    Math.min(count, RANKING_FRAMES) * 2
  );
}

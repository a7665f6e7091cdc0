import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { indexGraph } from "../onnx/graph.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { entropyRange, percentileRange } from "../onnx/quantize/choose-range.ts";
import { countValues, emptyHistogram, type Histogram } from "../onnx/quantize/histogram.ts";
import { observeRanges, widenRanges } from "../onnx/quantize/observe-ranges.ts";
import { observeSizes, observeValues, samplingStride } from "../onnx/quantize/observe-values.ts";
import { type KeepFloat, tensorsToObserve } from "../onnx/quantize/plan-quantization.ts";
import type { TensorRange } from "../onnx/quantize/quantization-parameters.ts";
import type { InputSizePx } from "./model-pixels.ts";
import type { OnnxProcess, TensorValue } from "./onnx-process.ts";

export const CALIBRATION_METHODS = ["minmax", "percentile", "entropy"] as const;
export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];

/** Inputs as the device feeds them. */
export interface CalibrationFrames extends InputSizePx {
  /** Each uint8 [1,H,W,3]. */
  readonly pixels: readonly Uint8Array[];
}

export interface CalibrationRun {
  readonly runtime: OnnxProcess;
  readonly keepFloat: KeepFloat;
  readonly method: CalibrationMethod;
  /** Called once a frame and pass. */
  readonly onFrame: () => void;
}

/** Values a histogram takes of one tensor and frame: of the largest one every 49th or so. */
const VALUES_PER_FRAME = 16_384;

/** Passes over the frames that a method makes, for a progress bar. */
export const passesOf = (method: CalibrationMethod): number => (method === "minmax" ? 1 : 2);

/**
 * The range of every activation that either target rounds. Min-max is reduced inside the graph; for percentile and
 * entropy a second pass counts values within the ranges of the first. Throws ONNX Runtime's error when the model does
 * not run.
 */
export async function calibrateActivations(
  model: Model,
  frames: CalibrationFrames,
  run: CalibrationRun,
): Promise<Map<string, TensorRange>> {
  const tensors = tensorsToObserve(model.graph, indexGraph(model.graph), run.keepFloat);
  const ranges = await seenRanges(model, tensors, frames, run);
  if (run.method === "minmax") return ranges;
  const choose = run.method === "percentile" ? percentileRange : entropyRange;
  const histograms = await countActivations(model, ranges, frames, run);
  return new Map([...histograms].map(([tensor, histogram]) => [tensor, choose(histogram)]));
}

export const pixelTensor = (frames: InputSizePx, data: Uint8Array): TensorValue => ({
  name: MODEL_INPUT,
  type: "uint8",
  data,
  dims: [data.length / (frames.heightPx * frames.widthPx * 3), frames.heightPx, frames.widthPx, 3],
});

async function seenRanges(
  model: Model,
  tensors: readonly string[],
  frames: CalibrationFrames,
  { runtime, onFrame }: CalibrationRun,
): Promise<Map<string, TensorRange>> {
  const observed = observeRanges(model, tensors);
  await runtime.load(encodeModel(observed.model));
  const ranges = new Map<string, TensorRange>();
  for (const pixels of frames.pixels) {
    widenRanges(ranges, tensors, await runtime.run([pixelTensor(frames, pixels)], observed.outputs));
    onFrame();
  }
  return ranges;
}

async function countActivations(
  model: Model,
  ranges: ReadonlyMap<string, TensorRange>,
  frames: CalibrationFrames,
  { runtime, onFrame }: CalibrationRun,
): Promise<Map<string, Histogram>> {
  const tensors = [...ranges.keys()];
  const histograms = new Map([...ranges].map(([tensor, seen]) => [tensor, emptyHistogram(seen)]));
  const sizes = observeSizes(model, tensors);
  const [first] = frames.pixels;
  if (first === undefined) return histograms;
  await runtime.load(encodeModel(sizes.model));
  const counts = await runtime.run([pixelTensor(frames, first)], sizes.outputs);
  const strides = counts.map((count) => samplingStride(count[0] ?? 0, VALUES_PER_FRAME));
  const values = observeValues(model, tensors, strides);
  await runtime.load(encodeModel(values.model));
  for (const pixels of frames.pixels) {
    const outputs = await runtime.run([pixelTensor(frames, pixels)], values.outputs);
    for (const [position, histogram] of [...histograms.values()].entries()) {
      countValues(histogram, outputs[position] ?? new Float32Array());
    }
    onFrame();
  }
  return histograms;
}

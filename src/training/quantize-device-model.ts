import { encodeModel, type Model } from "../onnx/model-file.ts";
import { observeRanges, widenRanges } from "../onnx/quantize/observe-ranges.ts";
import type { TensorRange } from "../onnx/quantize/quantization-parameters.ts";
import { quantizeModel, tensorsToObserve } from "../onnx/quantize/quantize-model.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import { HEAD_PREFIX } from "./device-graph.ts";
import { imageInput } from "./embed-regions.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import type { PixelStore } from "./pixel-store.ts";

export const CALIBRATION_FRAMES = 128;

/** The head stays float32: it costs next to nothing, and its rounding would cost most. */
export const isHeadNode = (nodeName: string): boolean => nodeName.startsWith(HEAD_PREFIX);

export interface QuantizeJob {
  readonly runtime: OnnxProcess;
  readonly seed: number;
  readonly onProgress: (done: number, total: number) => void;
}

/** int8 of a device model with its head, calibrated on some of the regions it was trained on. */
export async function quantizeForDevice(
  model: Model,
  store: PixelStore,
  fit: readonly number[],
  { runtime, seed, onProgress }: QuantizeJob,
): Promise<Model> {
  const tensors = tensorsToObserve(model, isHeadNode);
  const observed = observeRanges(model, tensors);
  await runtime.load(encodeModel(observed.model));
  const ranges = new Map<string, TensorRange>();
  const chosen = calibrationRegions(store, fit, CALIBRATION_FRAMES, seed);
  for (const [done, index] of chosen.entries()) {
    widenRanges(ranges, tensors, await runtime.run([imageInput(store, [index])], observed.outputs));
    onProgress(done + 1, chosen.length);
  }
  return quantizeModel(model, ranges, isHeadNode);
}

/** Regions of every class in turn, chosen by the seed. */
export function calibrationRegions(store: PixelStore, fit: readonly number[], count: number, seed: number): number[] {
  const shuffled = shuffle([...fit], seededRandom(seed));
  const queues = [...Map.groupBy(shuffled, (index) => store.regions[index]?.label ?? "").values()];
  const chosen: number[] = [];
  for (let round = 0; chosen.length < Math.min(count, fit.length); round++) {
    for (const queue of queues) {
      const index = queue[round];
      if (index !== undefined && chosen.length < count) chosen.push(index);
    }
  }
  return chosen;
}

import type { Model } from "../onnx/model-file.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import { imageInput } from "./embed-regions.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import type { PixelStore } from "./pixel-store.ts";
import { CALIBRATION_FRAMES, DEFAULT_METHOD, quantizeCheckpoint } from "./quantize-checkpoint.ts";

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
  const chosen = calibrationRegions(store, fit, CALIBRATION_FRAMES, seed);
  const frames = { ...store.size, pixels: chosen.map((index) => imageInput(store, [index]).data) };
  const quantized = await quantizeCheckpoint({
    checkpoint: model,
    frames,
    target: "cpu",
    method: DEFAULT_METHOD,
    runtime,
    onProgress,
  });
  return quantized.model;
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

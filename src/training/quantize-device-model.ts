import type { Model } from "../onnx/model-file.ts";
import { imageInput } from "./embed-regions.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import type { PixelStore } from "./pixel-store.ts";
import { CALIBRATION_FRAMES, DEFAULT_METHOD, quantizeCheckpoint } from "./quantize-checkpoint.ts";
import { takeEvenly } from "./take-evenly.ts";

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
  const chosen = takeEvenly(fit, CALIBRATION_FRAMES, (index) => store.regions[index]?.label ?? "", seed);
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

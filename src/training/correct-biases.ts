import { encodeModel, type Model } from "../onnx/model-file.ts";
import { observeChannels } from "../onnx/quantize/observe-values.ts";
import type { KeepFloat, QuantizationTarget } from "../onnx/quantize/plan-quantization.ts";
import { biasSites, shiftBias } from "../onnx/quantize/shift-bias.ts";
import { type CalibrationFrames, type CalibrationRun, pixelTensor } from "./calibrate-activations.ts";

/**
 * Moves what int8 shifts a channel by on average into its bias, one convolution after the other, each on what the
 * corrected ones before it give (empirical bias correction, Nagel et al. 2019, arXiv 1906.04721, section 4.2).
 * `int8` must have been quantised from `float` for `target`. `onFrame` is called once a frame and layer, and once a
 * frame for float32.
 */
export async function correctBiases(
  float: Model,
  int8: Model,
  frames: CalibrationFrames,
  run: Omit<CalibrationRun, "method"> & { readonly target: QuantizationTarget },
): Promise<Model> {
  const sites = biasSites(float, run.keepFloat, run.target);
  const wanted = await channelMeans(
    float,
    sites.map(({ floatTensor }) => floatTensor),
    frames,
    run,
  );
  let corrected = int8;
  for (const [position, site] of sites.entries()) {
    const [given] = await channelMeans(corrected, [site.integerTensor], frames, run);
    const shift = wanted[position]?.map((mean, channel) => mean - (given?.[channel] ?? mean));
    if (shift !== undefined) corrected = shiftBias(corrected, site, shift);
  }
  return corrected;
}

async function channelMeans(
  model: Model,
  tensors: readonly string[],
  frames: CalibrationFrames,
  { runtime, onFrame }: Omit<CalibrationRun, "method">,
): Promise<Float32Array[]> {
  const observed = observeChannels(model, tensors, "mean");
  await runtime.load(encodeModel(observed.model));
  let sums: Float64Array[] | undefined;
  for (const pixels of frames.pixels) {
    const means = await runtime.run([pixelTensor(frames, pixels)], observed.outputs);
    sums ??= means.map(({ length }) => new Float64Array(length));
    sums.forEach((sum, position) => {
      means[position]?.forEach((value, channel) => {
        sum[channel] = (sum[channel] ?? 0) + value;
      });
    });
    onFrame();
  }
  return (sums ?? []).map((sum) => Float32Array.from(sum, (value) => value / frames.pixels.length));
}

/** Runs on each frame that the correction takes. */
export const biasCorrectionRuns = (float: Model, keepFloat: KeepFloat, target: QuantizationTarget): number =>
  1 + biasSites(float, keepFloat, target).length;

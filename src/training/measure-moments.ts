import { encodeModel, type Model } from "../onnx/model-file.ts";
import { addMoments, noMoments, observeMoments } from "../onnx/quantize/observe-moments.ts";
import type { InputMoments } from "../onnx/quantize/round-weights.ts";
import { type CalibrationFrames, type CalibrationRun, pixelTensor } from "./calibrate-activations.ts";

/** Second moments of every convolution's inputs over the frames, by the name of the node's output. */
export async function measureMoments(
  model: Model,
  frames: CalibrationFrames,
  { runtime, keepFloat, onFrame }: Omit<CalibrationRun, "method">,
): Promise<Map<string, InputMoments>> {
  const observed = observeMoments(model, keepFloat);
  const moments = new Map(observed.layers.map((layer) => [layer.output, noMoments(layer)]));
  await runtime.load(encodeModel(observed.model));
  for (const pixels of frames.pixels) {
    const sums = await runtime.run([pixelTensor(frames, pixels)], observed.outputs);
    observed.layers.forEach(({ output }, position) => {
      const sum = moments.get(output);
      if (sum !== undefined) addMoments(sum, sums[position] ?? new Float32Array());
    });
    onFrame();
  }
  return moments;
}

import { indexGraph } from "../onnx/graph.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { equalizeChannels, layerPairs } from "../onnx/quantize/equalize-channels.ts";
import { observeChannels } from "../onnx/quantize/observe-values.ts";
import { type CalibrationFrames, type CalibrationRun, pixelTensor } from "./calibrate-activations.ts";

/** The same model in float32, its channels spread over their ranges as they are on these frames: quantises better. */
export async function equalizeModel(
  model: Model,
  frames: CalibrationFrames,
  { runtime, keepFloat, onFrame }: Omit<CalibrationRun, "method">,
): Promise<Model> {
  const tensors = layerPairs(model.graph, indexGraph(model.graph), keepFloat).map(({ tensor }) => tensor);
  if (tensors.length === 0) return model;
  const observed = observeChannels(model, tensors, "largest");
  await runtime.load(encodeModel(observed.model));
  const maxima = new Map<string, Float32Array>();
  for (const pixels of frames.pixels) {
    const outputs = await runtime.run([pixelTensor(frames, pixels)], observed.outputs);
    tensors.forEach((tensor, position) => {
      const seen = outputs[position] ?? new Float32Array();
      maxima.set(
        tensor,
        seen.map((value, channel) => Math.max(value, maxima.get(tensor)?.[channel] ?? 0)),
      );
    });
    onFrame();
  }
  return equalizeChannels(model, keepFloat, maxima);
}

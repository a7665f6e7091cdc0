import { indexGraph } from "../onnx/graph.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { observeSizes, observeValues, samplingStride } from "../onnx/quantize/observe-values.ts";
import { planQuantization, type QuantizationTarget } from "../onnx/quantize/plan-quantization.ts";
import { type CalibrationFrames, type CalibrationRun, pixelTensor } from "./calibrate-activations.ts";

/** How far a quantised layer's output is from float32's. */
export interface LayerError {
  /** Name of its node. */
  readonly layer: string;
  /** Power of the float32 output over the power of the difference, in dB: signal to quantisation noise. */
  readonly signalToNoiseDb: number;
  /** Noise over signal of its output less that of its input: what this layer adds to what it was given. */
  readonly addedNoise: number;
}

const VALUES_PER_FRAME = 16_384;

/** The Conv and Gemm layers of `int8`, quantised from `float` for `target`, by the noise each adds, worst first. */
export async function layerErrors(
  float: Model,
  int8: Model,
  frames: CalibrationFrames,
  run: Omit<CalibrationRun, "method"> & { readonly target: QuantizationTarget },
): Promise<LayerError[]> {
  const plan = planQuantization(float.graph, indexGraph(float.graph), run);
  const renamed = new Map(plan.folded.map((node) => [node.input[0] ?? "", node.output[0] ?? ""]));
  const outputOf = (tensor: string): string => renamed.get(tensor) ?? tensor;
  const layers = plan.layers.map(({ node, input }) => ({
    layer: node.name,
    input,
    isFromPixels: plan.integerInputs.has(input),
    output: outputOf(node.output[0] ?? ""),
  }));
  const tensors = [...new Set(layers.flatMap(({ input, output }) => [input, output]))];
  const made = new Set(int8.graph.node.flatMap(({ output }) => output));
  const rounded = tensors.map((tensor) => (made.has(`${tensor}.dequantized`) ? `${tensor}.dequantized` : tensor));
  const exact = await sampled(float, tensors, frames, run);
  const given = await sampled(int8, rounded, frames, run);
  const noiseOf = new Map(tensors.map((tensor, at) => [tensor, noiseToSignal(exact[at] ?? [], given[at] ?? [])]));
  return layers
    .map(({ layer, input, isFromPixels, output }): LayerError => {
      const noise = noiseOf.get(output) ?? 0;
      const before = isFromPixels ? 0 : (noiseOf.get(input) ?? 0);
      return { layer, signalToNoiseDb: -10 * Math.log10(noise), addedNoise: noise - before };
    })
    .sort((a, b) => b.addedNoise - a.addedNoise);
}

function noiseToSignal(exact: readonly Float32Array[], given: readonly Float32Array[]): number {
  let noise = 0;
  let signal = 0;
  exact.forEach((values, frame) => {
    values.forEach((value, position) => {
      noise += (value - (given[frame]?.[position] ?? NaN)) ** 2;
      signal += value ** 2;
    });
  });
  return signal === 0 ? 0 : noise / signal;
}

/** Values of each tensor at the same places, frame by frame. */
async function sampled(
  model: Model,
  tensors: readonly string[],
  frames: CalibrationFrames,
  { runtime, onFrame }: Omit<CalibrationRun, "method">,
): Promise<Float32Array[][]> {
  const [first] = frames.pixels;
  if (first === undefined) return [];
  const sizes = observeSizes(model, tensors);
  await runtime.load(encodeModel(sizes.model));
  const counts = await runtime.run([pixelTensor(frames, first)], sizes.outputs);
  const strides = counts.map((count) => samplingStride(count[0] ?? 0, VALUES_PER_FRAME));
  const values = observeValues(model, tensors, strides);
  await runtime.load(encodeModel(values.model));
  const byTensor: Float32Array[][] = tensors.map(() => []);
  for (const pixels of frames.pixels) {
    const outputs = await runtime.run([pixelTensor(frames, pixels)], values.outputs);
    byTensor.forEach((list, position) => list.push(outputs[position] ?? new Float32Array()));
    onFrame();
  }
  return byTensor;
}

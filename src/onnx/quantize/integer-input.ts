import type { ConvolutionLayer } from "../convolutions.ts";
import { type GraphIndex, initializerNamed, replaceInitializer } from "../graph.ts";
import type { GraphProto, NodeProto } from "../onnx-pb.ts";
import { floatData, tensorDims, makeTensor } from "../tensor.ts";
import { roundHalfEven } from "./quantization-parameters.ts";

/** A convolution that reads Sub(Cast(uint8), mean): its input is quantised already. */
export interface IntegerInput {
  /** The uint8 tensor. */
  readonly pixels: string;
  /** Nodes the DequantizeLinear of `pixels` stands for. */
  readonly replaced: readonly NodeProto[];
  readonly mean: number;
  /** The mean rounded to a uint8: what stands for zero, padding included. */
  readonly zeroPoint: number;
}

export function integerInputOf(layer: ConvolutionLayer, index: GraphIndex): IntegerInput | undefined {
  const center = index.producerOf.get(layer.input);
  const cast = index.producerOf.get(center?.input[0] ?? "");
  const mean = index.initializers.get(center?.input[1] ?? "");
  if (center?.opType !== "Sub" || cast?.opType !== "Cast" || mean === undefined || tensorDims(mean).length > 0)
    return undefined;
  const value = floatData(mean)[0] ?? 0;
  if ((index.consumersOf.get(layer.input) ?? []).length !== 1 || value < 0 || value > 255) return undefined;
  return { pixels: cast.input[0] ?? "", replaced: [cast, center], mean: value, zeroPoint: roundHalfEven(value) };
}

/**
 * Moves the difference between the mean and its rounded value into the bias: w * (x - mean) = w * (x - zeroPoint) +
 * w * (zeroPoint - mean). Exact, but for padded places, which become zeroPoint - mean (half a grey level) lighter.
 */
export function moveMeanIntoBias(graph: GraphProto, layer: ConvolutionLayer, input: IntegerInput): void {
  const { bias } = layer;
  if (bias === undefined) throw new Error(`convolution ${layer.node.name} needs a bias`);
  const weights = floatData(layer.weight);
  const shifted = floatData(bias);
  const perChannel = weights.length / shifted.length;
  shifted.forEach((value, channel) => {
    const total = weights
      .subarray(channel * perChannel, (channel + 1) * perChannel)
      .reduce((sum, weight) => sum + weight, 0);
    shifted[channel] = value + (input.zeroPoint - input.mean) * total;
  });
  replaceInitializer(graph, makeTensor(initializerNamed(graph, bias.name).name, tensorDims(bias), shifted));
}

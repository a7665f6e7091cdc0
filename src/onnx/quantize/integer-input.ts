import { type GraphIndex, initializerNamed, replaceInitializer } from "../graph.ts";
import type { GraphProto, NodeProto } from "../onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "../tensor.ts";
import { roundHalfEven } from "./quantization-parameters.ts";
import type { WeightedLayer } from "./weighted-layers.ts";

/** A convolution that reads Sub(Cast(uint8), mean): its input is quantised already. */
export interface IntegerInput {
  /** The uint8 tensor. */
  readonly pixels: string;
  readonly cast: NodeProto;
  readonly center: NodeProto;
  readonly mean: number;
  /** The mean rounded to a uint8: what stands for zero, padding included. */
  readonly zeroPoint: number;
}

/** Undefined where rounding the mean would not be exact: several means, other readers, or no bias to move it to. */
export function integerInputOf(layer: WeightedLayer, index: GraphIndex): IntegerInput | undefined {
  const center = index.producerOf.get(layer.input);
  const cast = index.producerOf.get(center?.input[0] ?? "");
  const mean = index.initializers.get(center?.input[1] ?? "");
  if (center?.opType !== "Sub" || cast?.opType !== "Cast" || mean === undefined || tensorDims(mean).length > 0)
    return undefined;
  const value = floatData(mean)[0] ?? 0;
  const soleReader = (index.consumersOf.get(layer.input) ?? []).length === 1 && !index.outputNames.has(layer.input);
  const ownBias = layer.bias !== undefined && index.consumersOf.get(layer.bias.name)?.length === 1;
  if (!soleReader || value < 0 || value > 255 || !ownBias || layer.axis !== 0) return undefined;
  return { pixels: cast.input[0] ?? "", cast, center, mean: value, zeroPoint: roundHalfEven(value) };
}

/**
 * Moves the difference between the mean and its rounded value into the bias: w * (x - mean) = w * (x - zeroPoint) +
 * w * (zeroPoint - mean). Exact, but for padded places, which become zeroPoint - mean (half a grey level) lighter.
 */
export function moveMeanIntoBias(graph: GraphProto, layer: WeightedLayer, input: IntegerInput): void {
  const { bias } = layer;
  if (bias === undefined) throw new Error(`layer ${layer.node.name} needs a bias`);
  const weights = floatData(layer.weight);
  const shifted = floatData(initializerNamed(graph, bias.name));
  const perChannel = weights.length / shifted.length;
  shifted.forEach((value, channel) => {
    const total = weights
      .subarray(channel * perChannel, (channel + 1) * perChannel)
      .reduce((sum, weight) => sum + weight, 0);
    shifted[channel] = value + (input.zeroPoint - input.mean) * total;
  });
  replaceInitializer(graph, makeTensor(bias.name, tensorDims(bias), shifted));
}

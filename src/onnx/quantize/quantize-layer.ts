import { initializerNamed } from "../graph.ts";
import { makeNode } from "../node.ts";
import type { GraphProto } from "../onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "../tensor.ts";
import type { QuantizationTarget } from "./plan-quantization.ts";
import { quantizeBias, quantizeWeights } from "./quantization-parameters.ts";
import { type InputMoments, roundForInputs } from "./round-weights.ts";
import type { WeightedLayer } from "./weighted-layers.ts";

/**
 * Stores a layer's weight as int8 with a scale an output channel behind a DequantizeLinear; for a CPU its bias as
 * int32 in steps of inputScale * weightScale (TensorRT wants the float one). Names come from the node's output, since
 * two nodes may share a weight. With `moments` of its inputs the weights are rounded for them, else to nearest.
 */
export function quantizeLayer(
  graph: GraphProto,
  layer: WeightedLayer,
  inputScale: number,
  target: QuantizationTarget,
  moments: InputMoments | undefined,
): void {
  const { node, weight, channels, axis } = layer;
  const dims = tensorDims(weight);
  const bias = target === "cpu" ? biasOf(graph, layer) : undefined;
  const channelOf = axis === 1 ? (position: number): number => position % channels : undefined;
  const weights = quantizeWeights(floatData(weight), channels, { values: bias, inputScale }, channelOf);
  const values =
    moments === undefined ? weights.values : roundForInputs(inSteps(layer, weights.scales), channels, moments);
  const name = `${node.output[0] ?? ""}.weight`;
  node.input[1] = storeDequantized(graph, { name, dims, axis, values, scales: weights.scales });
  if (bias === undefined) return;
  const steps = quantizeBias(bias, inputScale, weights.scales);
  const biasName = `${node.output[0] ?? ""}.bias`;
  node.input[2] = storeDequantized(graph, { name: biasName, dims: [channels], axis: 0, ...steps });
  node.attribute = node.attribute.filter((attribute) => attribute.name !== "beta");
}

/** Weights of a convolution in units of their channel's scale. */
function inSteps({ weight, channels }: WeightedLayer, scales: Float32Array): Float64Array {
  const weights = floatData(weight);
  const perChannel = weights.length / channels;
  return Float64Array.from(weights, (value, position) => value / (scales[Math.floor(position / perChannel)] ?? 1));
}

function biasOf(graph: GraphProto, { bias, biasFactor }: WeightedLayer): Float32Array | undefined {
  // Read anew: the first layer's bias has taken up the rest of the mean.
  return bias === undefined ? undefined : floatData(initializerNamed(graph, bias.name)).map((b) => b * biasFactor);
}

interface StoredIntegers {
  readonly name: string;
  readonly dims: readonly number[];
  readonly axis: number;
  readonly values: Int8Array | Int32Array;
  readonly scales: Float32Array;
}

function storeDequantized(graph: GraphProto, { name, dims, axis, values, scales }: StoredIntegers): string {
  const zeroPoints = values instanceof Int8Array ? new Int8Array(scales.length) : new Int32Array(scales.length);
  graph.initializer.push(
    makeTensor(`${name}.quantized`, dims, values),
    makeTensor(`${name}.scale`, [scales.length], scales),
    makeTensor(`${name}.zero_point`, [scales.length], zeroPoints),
  );
  graph.node.push(
    makeNode({
      opType: "DequantizeLinear",
      name: `${name}.dequantize`,
      inputs: [`${name}.quantized`, `${name}.scale`, `${name}.zero_point`],
      outputs: [`${name}.dequantized`],
      attributes: { axis: { int: axis } },
    }),
  );
  return `${name}.dequantized`;
}

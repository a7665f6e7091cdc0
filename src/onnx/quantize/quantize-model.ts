import { type ConvolutionLayer, convolutionLayers } from "../convolutions.ts";
import {
  checkGraph,
  dropUnusedInitializers,
  type GraphIndex,
  indexGraph,
  initializerNamed,
  sortNodes,
} from "../graph.ts";
import { copyModel, type Model } from "../model-file.ts";
import { makeNode } from "../node.ts";
import type { GraphProto } from "../onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "../tensor.ts";
import { integerInputOf, moveMeanIntoBias } from "./integer-input.ts";
import {
  activationParameters,
  type QuantizationParameters,
  quantizeBias,
  quantizeWeights,
  type TensorRange,
} from "./quantization-parameters.ts";

/** Which convolutions stay float32: those whose node name this is true of. */
export type KeepFloat = (nodeName: string) => boolean;

/** Float tensors whose range must be known: inputs and outputs of the convolutions to quantise. */
export function tensorsToObserve(model: Model, keepFloat: KeepFloat): string[] {
  const index = indexGraph(model.graph);
  const layers = convolutionLayers(model.graph, index).filter(({ node }) => !keepFloat(node.name));
  const inputs = layers.filter((layer) => integerInputOf(layer, index) === undefined).map(({ input }) => input);
  return [...new Set([...inputs, ...layers.map(({ output }) => output)])];
}

/**
 * Static INT8 in QDQ form, as onnxruntime.quantization writes it for x86: activations uint8 per tensor from their
 * ranges, weights int8 symmetric per output channel, biases int32. A Relu or Clip after a convolution is dropped: its
 * output's range already saturates at its limits. A uint8 graph input feeds its first convolution without rounding.
 * Throws when a range is missing or not finite.
 */
export function quantizeModel(model: Model, ranges: ReadonlyMap<string, TensorRange>, keepFloat: KeepFloat): Model {
  const quantized = copyModel(model);
  const { graph } = quantized;
  const index = indexGraph(graph);
  const layers = convolutionLayers(graph, index).filter(({ node }) => !keepFloat(node.name));
  const parameters = new Map<string, QuantizationParameters>();
  for (const tensor of tensorsToObserve(model, keepFloat))
    parameters.set(tensor, activationParameters(finiteRange(ranges, tensor)));
  const pixelScales = new Map(layers.flatMap((layer) => feedPixels(graph, layer, index)));
  for (const layer of layers) {
    const inputScale = parameters.get(layer.input)?.scale ?? pixelScales.get(layer.input) ?? NaN;
    quantizeConvolution(graph, layer, inputScale);
    dropActivation(graph, layer);
  }
  for (const [tensor, values] of parameters) quantizeActivation(graph, tensor, values);
  dropUnusedInitializers(graph);
  sortNodes(graph);
  checkGraph(graph);
  return quantized;
}

function finiteRange(ranges: ReadonlyMap<string, TensorRange>, tensor: string): TensorRange {
  const range = ranges.get(tensor);
  if (range === undefined || !Number.isFinite(range.min) || !Number.isFinite(range.max)) {
    throw new Error(`tensor ${tensor} has no finite range; calibrate on more frames`);
  }
  return range;
}

/**
 * Replaces Sub(Cast(pixels)) before a first convolution by DequantizeLinear(pixels, 1, zeroPoint); gives the tensor and
 * its scale.
 */
function feedPixels(graph: GraphProto, layer: ConvolutionLayer, index: GraphIndex): [string, number][] {
  const input = integerInputOf(layer, index);
  if (input === undefined) return [];
  moveMeanIntoBias(graph, layer, input);
  const { zeroPoint } = input;
  graph.node = graph.node.filter((node) => !input.replaced.includes(node));
  pushParameters(graph, layer.input, { scale: 1, zeroPoint });
  graph.node.push(
    makeNode({
      opType: "DequantizeLinear",
      name: `${layer.input}.dequantize`,
      inputs: [input.pixels, `${layer.input}.scale`, `${layer.input}.zero_point`],
      outputs: [layer.input],
    }),
  );
  return [[layer.input, 1]];
}

function quantizeConvolution(graph: GraphProto, layer: ConvolutionLayer, inputScale: number): void {
  const { node, weight, bias, dims } = layer;
  const channels = dims[0] ?? 0;
  const biasValues = bias === undefined ? undefined : floatData(initializerNamed(graph, bias.name));
  const weights = quantizeWeights(floatData(weight), channels, { values: biasValues, inputScale });
  graph.initializer.push(
    makeTensor(`${weight.name}.quantized`, dims, weights.values),
    makeTensor(`${weight.name}.scale`, [channels], weights.scales),
    makeTensor(`${weight.name}.zero_point`, [channels], new Int8Array(channels)),
  );
  node.input[1] = dequantizeConstant(graph, weight.name);
  if (bias === undefined || biasValues === undefined) return;
  const steps = quantizeBias(biasValues, inputScale, weights.scales);
  graph.initializer.push(
    makeTensor(`${bias.name}.quantized`, tensorDims(bias), steps.values),
    makeTensor(`${bias.name}.scale`, [channels], steps.scales),
    makeTensor(`${bias.name}.zero_point`, [channels], new Int32Array(channels)),
  );
  node.input[2] = dequantizeConstant(graph, bias.name);
}

function dequantizeConstant(graph: GraphProto, name: string): string {
  const output = `${name}.dequantized`;
  graph.node.push(
    makeNode({
      opType: "DequantizeLinear",
      name: `${name}.dequantize`,
      inputs: [`${name}.quantized`, `${name}.scale`, `${name}.zero_point`],
      outputs: [output],
      attributes: { axis: { int: 0 } },
    }),
  );
  return output;
}

function dropActivation(graph: GraphProto, layer: ConvolutionLayer): void {
  if (layer.activation === undefined) return;
  graph.node = graph.node.filter((node) => node !== layer.activation);
  layer.node.output[0] = layer.output;
}

/** Puts QuantizeLinear and DequantizeLinear after a tensor; everybody reads what comes out of them. */
function quantizeActivation(graph: GraphProto, tensor: string, parameters: QuantizationParameters): void {
  const dequantized = `${tensor}.dequantized`;
  for (const node of graph.node) node.input = node.input.map((name) => (name === tensor ? dequantized : name));
  pushParameters(graph, tensor, parameters);
  const common = [`${tensor}.scale`, `${tensor}.zero_point`];
  graph.node.push(
    makeNode({
      opType: "QuantizeLinear",
      name: `${tensor}.quantize`,
      inputs: [tensor, ...common],
      outputs: [`${tensor}.quantized`],
    }),
    makeNode({
      opType: "DequantizeLinear",
      name: `${tensor}.dequantize`,
      inputs: [`${tensor}.quantized`, ...common],
      outputs: [dequantized],
    }),
  );
}

function pushParameters(graph: GraphProto, tensor: string, { scale, zeroPoint }: QuantizationParameters): void {
  graph.initializer.push(
    makeTensor(`${tensor}.scale`, [], Float32Array.of(scale)),
    makeTensor(`${tensor}.zero_point`, [], Uint8Array.of(zeroPoint)),
  );
}

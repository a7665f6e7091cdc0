import { checkGraph, type GraphIndex, indexGraph, replaceInitializer } from "../graph.ts";
import { copyModel, type Model } from "../model-file.ts";
import { intAttribute } from "../node.ts";
import type { GraphProto } from "../onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "../tensor.ts";
import { clampLimits } from "./clamp-limits.ts";
import type { KeepFloat } from "./plan-quantization.ts";
import { type WeightedLayer, weightedLayer } from "./weighted-layers.ts";

/** Two convolutions with nothing but a Relu or Clip between them, and no other reader of what is between. */
export interface LayerPair {
  readonly first: WeightedLayer;
  readonly second: WeightedLayer;
  /** What `second` reads: [N,C,h,w]. */
  readonly tensor: string;
  /** No value of `tensor` exceeds it; Infinity without a Clip. */
  readonly limit: number;
}

/** Room above the greatest value seen, for frames that calibration did not hold. */
const HEADROOM = 1.25;
/** A channel that is hardly ever active says little of its range. */
const LARGEST_FACTOR = 64;

export function layerPairs(graph: GraphProto, index: GraphIndex, keepFloat: KeepFloat): LayerPair[] {
  return graph.node.flatMap((node): LayerPair[] => {
    const second = convolution(index, node.output[0] ?? "");
    if (second === undefined || keepFloat(node.name) || !isSoleReader(index, second.input)) return [];
    const clamp = index.producerOf.get(second.input);
    const limits = clamp === undefined ? undefined : clampLimits(clamp, index);
    // A clamp away from zero does not keep a factor, and neither does one that somebody else reads before.
    if (limits !== undefined && (limits.min !== 0 || !(limits.max > 0) || !isSoleReader(index, clamp?.input[0] ?? "")))
      return [];
    const first = convolution(index, limits === undefined ? second.input : (clamp?.input[0] ?? ""));
    if (first === undefined || keepFloat(first.node.name)) return [];
    return [{ first, second, tensor: second.input, limit: limits?.max ?? Infinity }];
  });
}

/**
 * Spreads the channels between two convolutions over the one range they share: channel c is multiplied by s_c in the
 * first and divided by it in the second, which a Relu lets through (cross-layer equalisation, Nagel et al. 2019,
 * arXiv 1906.04721, section 4.1). Before a depthwise convolution it costs nothing, since that has a weight scale for
 * every channel: each channel takes the whole range. Otherwise s_c balances activation and weight, sqrt(w_c / x_c).
 * Factors are at least 1 and keep x_c, with room to spare, below a Clip, so that in float32 the model stays the same.
 * `maxima`: the greatest magnitude of each channel of each pair's tensor, over the calibration frames.
 */
export function equalizeChannels(model: Model, keepFloat: KeepFloat, maxima: ReadonlyMap<string, Float32Array>): Model {
  const equalized = copyModel(model);
  const { graph } = equalized;
  for (const { tensor } of layerPairs(graph, indexGraph(graph), keepFloat)) {
    // Read anew for every pair: a layer is the second of one and the first of the next.
    const pair = layerPairs(graph, indexGraph(graph), keepFloat).find((candidate) => candidate.tensor === tensor);
    const channelMaxima = maxima.get(tensor);
    if (pair !== undefined && channelMaxima !== undefined) scalePair(graph, pair, factorsOf(pair, channelMaxima));
  }
  checkGraph(graph);
  return equalized;
}

function factorsOf(pair: LayerPair, maxima: Float32Array): Float32Array {
  const limit = Math.min(pair.limit, maxima.reduce((most, value) => Math.max(most, value), 0) * HEADROOM);
  const wanted = isDepthwise(pair.second) ? maxima.map((most) => limit / most) : balanced(pair, maxima, limit);
  return maxima.map((most, channel) => {
    const largest = Math.min(LARGEST_FACTOR, limit / (most * HEADROOM));
    const factor = Math.min(largest, wanted[channel] ?? 1);
    return factor > 1 && Number.isFinite(factor) ? factor : 1;
  });
}

function balanced({ second }: LayerPair, maxima: Float32Array, limit: number): Float32Array {
  const weightMaxima = new Float32Array(maxima.length);
  const channelOf = inputChannels(second);
  floatData(second.weight).forEach((weight, position) => {
    const channel = channelOf(position);
    weightMaxima[channel] = Math.max(weightMaxima[channel] ?? 0, Math.abs(weight));
  });
  const strongest = maxima.reduce((most, x, channel) => Math.max(most, Math.sqrt(x * (weightMaxima[channel] ?? 0))), 0);
  return maxima.map((x, channel) => (limit * Math.sqrt((weightMaxima[channel] ?? 0) / x)) / strongest);
}

function scalePair(graph: GraphProto, { first, second }: LayerPair, factors: Float32Array): void {
  const perChannel = floatData(first.weight).length / first.channels;
  scaleTensor(graph, first, "weight", (position) => factors[Math.floor(position / perChannel)] ?? 1);
  scaleTensor(graph, first, "bias", (position) => factors[position] ?? 1);
  const channelOf = inputChannels(second);
  scaleTensor(graph, second, "weight", (position) => 1 / (factors[channelOf(position)] ?? 1));
}

function scaleTensor(
  graph: GraphProto,
  layer: WeightedLayer,
  which: "weight" | "bias",
  factorAt: (position: number) => number,
): void {
  const tensor = layer[which];
  if (tensor === undefined) return;
  const scaled = floatData(tensor).map((value, position) => value * factorAt(position));
  replaceInitializer(graph, makeTensor(tensor.name, tensorDims(tensor), scaled));
}

/** The input channel a weight multiplies, by its position in [outputs, inputs per group, h, w]. */
function inputChannels({ node, weight }: WeightedLayer): (position: number) => number {
  const [outputs = 1, perGroup = 1, ...kernel] = tensorDims(weight);
  const outputsPerGroup = outputs / intAttribute(node, "group", 1);
  const places = kernel.reduce((product, size) => product * size, 1);
  return (position) => {
    const output = Math.floor(position / (perGroup * places));
    return Math.floor(output / outputsPerGroup) * perGroup + (Math.floor(position / places) % perGroup);
  };
}

const isDepthwise = ({ weight }: WeightedLayer): boolean => tensorDims(weight)[1] === 1;

/** The convolution that makes a tensor, if its weight and bias are its own. */
function convolution(index: GraphIndex, output: string): WeightedLayer | undefined {
  const node = index.producerOf.get(output);
  const layer = node?.opType === "Conv" ? weightedLayer(node, index) : undefined;
  if (layer === undefined) return undefined;
  const stored = [layer.weight, layer.bias].filter((tensor) => tensor !== undefined);
  return stored.every(({ name }) => index.consumersOf.get(name)?.length === 1) ? layer : undefined;
}

const isSoleReader = (index: GraphIndex, tensor: string): boolean =>
  index.consumersOf.get(tensor)?.length === 1 && !index.outputNames.has(tensor);

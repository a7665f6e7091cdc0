import { checkGraph, dropUnusedInitializers, type GraphIndex, indexGraph } from "./graph.ts";
import { copyModel, type Model } from "./model-file.ts";
import { floatAttribute, intAttribute, makeNode } from "./node.ts";
import type { GraphProto, NodeProto, TensorProto } from "./onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "./tensor.ts";

const DEFAULT_EPSILON = 1e-5;

/**
 * The same network without BatchNormalization, Dropout and Identity, all of which do nothing of their own where a
 * network is used. A BatchNormalization that alone reads a convolution is folded into its weight and bias; any other
 * becomes a depthwise 1x1 convolution. Weights keep their names; a new bias is named after its weight. Throws an Error
 * that names a BatchNormalization that was exported for training or whose values are computed.
 */
export function foldBatchNorm(model: Model): Model {
  const folded = copyModel(model);
  const { graph } = folded;
  for (const node of [...graph.node]) if (["Dropout", "Identity"].includes(node.opType)) bypass(graph, node);
  for (const node of [...graph.node]) if (node.opType === "BatchNormalization") foldNode(graph, node);
  graph.valueInfo = [];
  dropUnusedInitializers(graph);
  checkGraph(graph);
  return folded;
}

/** y = scale * x + shift for each channel. */
interface ChannelMap {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

function foldNode(graph: GraphProto, node: NodeProto): void {
  const index = indexGraph(graph);
  const map = channelMap(node, index);
  const source = node.input[0] ?? "";
  const convolution = index.producerOf.get(source);
  const weight = convolution?.opType === "Conv" ? index.initializers.get(convolution.input[1] ?? "") : undefined;
  const biasName = convolution?.input[2] ?? "";
  const bias = index.initializers.get(biasName);
  if (["Gemm", "Flatten"].includes(convolution?.opType ?? ""))
    throw new Error(`node ${node.name} (BatchNormalization) follows a ${convolution?.opType}: only maps can be folded`);
  const isOnlyReader = index.consumersOf.get(source)?.length === 1 && !index.outputNames.has(source);
  if (convolution === undefined || weight === undefined || !isOnlyReader || (biasName !== "" && bias === undefined)) {
    replaceByConvolution(graph, node, map);
    return;
  }
  const [scaled, shifted] = foldedParameters(weight, bias, map);
  convolution.input = [
    convolution.input[0] ?? "",
    replaceOrAdd(graph, index, scaled),
    bias === undefined ? add(graph, shifted) : replaceOrAdd(graph, index, shifted),
  ];
  convolution.output = [node.output[0] ?? ""];
  graph.node = graph.node.filter((candidate) => candidate !== node);
}

/** scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale (Ioffe and Szegedy 2015, algorithm 2). */
function channelMap(node: NodeProto, index: GraphIndex): ChannelMap {
  if (intAttribute(node, "training_mode", 0) !== 0 || node.output.slice(1).some((name) => index.consumersOf.has(name)))
    throw new Error(`node ${node.name} (BatchNormalization) was exported for training; export the model for inference`);
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((position) => {
    const tensor = index.initializers.get(node.input[position] ?? "");
    if (tensor === undefined) throw new Error(`node ${node.name} (BatchNormalization): its values are not stored`);
    return floatData(tensor);
  });
  const epsilon = floatAttribute(node, "epsilon", DEFAULT_EPSILON);
  const scale = Float64Array.from(
    gamma ?? [],
    (value, channel) => value / Math.sqrt((variance?.[channel] ?? 0) + epsilon),
  );
  return { scale, shift: scale.map((value, channel) => (beta?.[channel] ?? 0) - (mean?.[channel] ?? 0) * value) };
}

function foldedParameters(
  weight: TensorProto,
  bias: TensorProto | undefined,
  { scale, shift }: ChannelMap,
): [TensorProto, TensorProto] {
  const values = floatData(weight);
  const perChannel = values.length / scale.length;
  const scaled = values.map((value, index) => value * (scale[Math.floor(index / perChannel)] ?? 0));
  const own = bias === undefined ? undefined : floatData(bias);
  const shifted = Float32Array.from(shift, (value, channel) => value + (own?.[channel] ?? 0) * (scale[channel] ?? 0));
  return [
    makeTensor(weight.name, tensorDims(weight), scaled),
    makeTensor(bias?.name ?? `${weight.name.replace(/\.weight$/, "")}.bias`, [shift.length], shifted),
  ];
}

/** Under its own name where one node alone reads it, else as a new tensor. Gives the name. */
function replaceOrAdd(graph: GraphProto, index: GraphIndex, tensor: TensorProto): string {
  if ((index.consumersOf.get(tensor.name) ?? []).length !== 1) return add(graph, tensor);
  graph.initializer = graph.initializer.map((own) => (own.name === tensor.name ? tensor : own));
  return tensor.name;
}

/** Adds a new tensor, under another name where its own is taken. Gives the name. */
function add(graph: GraphProto, tensor: TensorProto): string {
  const taken = new Set([
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
    ...graph.input.map(({ name }) => name),
  ]);
  const wanted = tensor.name;
  for (let copy = 2; taken.has(tensor.name); copy++) tensor.name = `${wanted}.${copy}`;
  graph.initializer.push(tensor);
  return tensor.name;
}

/** One node that trains, quantises and runs as every other convolution does. */
function replaceByConvolution(graph: GraphProto, node: NodeProto, { scale, shift }: ChannelMap): void {
  const [input = ""] = node.input;
  const [output = ""] = node.output;
  const channels = scale.length;
  const weight = add(graph, makeTensor(`${output}.weight`, [channels, 1, 1, 1], Float32Array.from(scale)));
  const bias = add(graph, makeTensor(`${output}.bias`, [channels], Float32Array.from(shift)));
  const convolution = makeNode({
    opType: "Conv",
    name: node.name,
    inputs: [input, weight, bias],
    outputs: [output],
    attributes: { group: { int: channels }, kernel_shape: { ints: [1, 1] } },
  });
  graph.node = graph.node.map((candidate) => (candidate === node ? convolution : candidate));
}

/** Takes a node out that gives what it reads. A graph output keeps its name. */
function bypass(graph: GraphProto, node: NodeProto): void {
  const [input = ""] = node.input;
  const [output = ""] = node.output;
  const isOutput = graph.output.some(({ name }) => name === output);
  const producer = graph.node.find((candidate) => candidate.output.includes(input));
  const inputIsOutput = graph.output.some(({ name }) => name === input);
  // From a graph input (or a second output) straight to a graph output something must stand between.
  if (isOutput && (producer === undefined || inputIsOutput)) return;
  const [from, to] = isOutput ? [input, output] : [output, input];
  const renamed = (name: string): string => (name === from ? to : name);
  graph.node = graph.node.filter((candidate) => candidate !== node);
  for (const other of graph.node) {
    other.input = other.input.map(renamed);
    other.output = other.output.map(renamed);
  }
}

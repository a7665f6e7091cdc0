import { type GraphIndex, indexGraph } from "./graph.ts";
import { intAttribute, intsAttribute } from "./node.ts";
import type { GraphProto, NodeProto, TensorProto } from "./onnx-pb.ts";
import { tensorDims } from "./tensor.ts";

/** A convolution with the activation that alone reads it, if one does. */
export interface ConvolutionLayer {
  readonly node: NodeProto;
  readonly weight: TensorProto;
  readonly bias: TensorProto | undefined;
  /** Weight dims: [outputs, inputs per group, height, width]. */
  readonly dims: readonly number[];
  readonly group: number;
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  /** Relu or Clip. */
  readonly activation: NodeProto | undefined;
  readonly input: string;
  /** Tensor after the activation, or after the convolution where there is none. */
  readonly output: string;
}

/** The convolutions of a graph in node order; those whose weight is computed rather than stored are left out. */
export function convolutionLayers(graph: GraphProto, index: GraphIndex = indexGraph(graph)): ConvolutionLayer[] {
  return graph.node.flatMap((node) => {
    const layer = node.opType === "Conv" ? convolutionLayer(node, index) : undefined;
    return layer === undefined ? [] : [layer];
  });
}

function convolutionLayer(node: NodeProto, index: GraphIndex): ConvolutionLayer | undefined {
  const [input = "", weightName = "", biasName = ""] = node.input;
  const weight = index.initializers.get(weightName);
  const ownOutput = node.output[0] ?? "";
  if (weight === undefined) return undefined;
  const activation = soleActivation(ownOutput, index);
  return {
    node,
    weight,
    bias: index.initializers.get(biasName),
    dims: tensorDims(weight),
    group: intAttribute(node, "group", 1),
    strides: intsAttribute(node, "strides") ?? [1, 1],
    pads: intsAttribute(node, "pads") ?? [0, 0, 0, 0],
    activation,
    input,
    output: activation?.output[0] ?? ownOutput,
  };
}

function soleActivation(tensorName: string, index: GraphIndex): NodeProto | undefined {
  const consumers = index.consumersOf.get(tensorName) ?? [];
  const [only] = consumers;
  if (consumers.length !== 1 || only === undefined || index.outputNames.has(tensorName)) return undefined;
  return only.opType === "Relu" || only.opType === "Clip" ? only : undefined;
}

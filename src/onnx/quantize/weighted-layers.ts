import type { GraphIndex } from "../graph.ts";
import { floatAttribute, intAttribute } from "../node.ts";
import { type NodeProto, TensorProto_DataType as DataType, type TensorProto } from "../onnx-pb.ts";
import { elementCount, tensorDims } from "../tensor.ts";

/** A Conv or Gemm whose weight (and bias, where it has one) is stored in the graph. */
export interface WeightedLayer {
  readonly node: NodeProto;
  readonly input: string;
  readonly weight: TensorProto;
  readonly bias: TensorProto | undefined;
  /** Axis of the output channels in the weight: 0, or 1 for a Gemm that does not transpose it. */
  readonly axis: number;
  readonly channels: number;
  /** What the bias is multiplied by: `beta` of a Gemm, else 1. */
  readonly biasFactor: number;
}

/** Undefined where the node is neither, or where its integers would not mean the same: it then stays float32. */
export function weightedLayer(node: NodeProto, index: GraphIndex): WeightedLayer | undefined {
  if (node.opType !== "Conv" && node.opType !== "Gemm") return undefined;
  const [input = "", weightName = "", biasName = ""] = node.input;
  const weight = index.initializers.get(weightName);
  const bias = index.initializers.get(biasName);
  if (weight?.dataType !== DataType.FLOAT || (biasName !== "" && bias === undefined)) return undefined;
  const isGemm = node.opType === "Gemm";
  if (isGemm && (intAttribute(node, "transA", 0) !== 0 || floatAttribute(node, "alpha", 1) !== 1)) return undefined;
  const axis = isGemm && intAttribute(node, "transB", 0) === 0 ? 1 : 0;
  const channels = tensorDims(weight)[axis] ?? 0;
  if (bias !== undefined && elementCount(tensorDims(bias)) !== channels) return undefined;
  return { node, input, weight, bias, axis, channels, biasFactor: isGemm ? floatAttribute(node, "beta", 1) : 1 };
}

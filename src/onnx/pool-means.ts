import { indexGraph } from "./graph.ts";
import { copyModel, type Model } from "./model-file.ts";
import { intAttribute, intsAttribute, makeNode } from "./node.ts";
import type { NodeProto, TensorProto } from "./onnx-pb.ts";
import { tensorData } from "./tensor.ts";

/**
 * Means over height and width as the pooling they are: a ReduceMean over axes 2 and 3 (or -1 and -2) of a map becomes
 * a GlobalAveragePool, with a Flatten behind it where the axes are dropped. Other ReduceMeans stay.
 */
export function poolMeans(model: Model): Model {
  const pooled = copyModel(model);
  const { initializers } = indexGraph(pooled.graph);
  pooled.graph.node = pooled.graph.node.flatMap((node) =>
    isSpatialMean(node, initializers) ? poolingOf(node) : [node],
  );
  return pooled;
}

function isSpatialMean(node: NodeProto, initializers: ReadonlyMap<string, TensorProto>): boolean {
  if (node.opType !== "ReduceMean") return false;
  // An attribute up to opset 17, an input since.
  const stored = initializers.get(node.input[1] ?? "");
  const axes = intsAttribute(node, "axes") ?? (stored === undefined ? [] : [...tensorData(stored)].map(Number));
  const fromFront = axes.map((axis) => (axis < 0 ? axis + 4 : axis));
  return fromFront.sort((a, b) => a - b).join() === "2,3";
}

function poolingOf(node: NodeProto): NodeProto[] {
  const [input = ""] = node.input;
  const [output = ""] = node.output;
  const pool = (name: string): NodeProto =>
    makeNode({ opType: "GlobalAveragePool", name: node.name, inputs: [input], outputs: [name] });
  if (intAttribute(node, "keepdims", 1) !== 0) return [pool(output)];
  const flatten = makeNode({
    opType: "Flatten",
    name: `${node.name}.flatten`,
    inputs: [`${output}.pooled`],
    outputs: [output],
  });
  return [pool(`${output}.pooled`), flatten];
}

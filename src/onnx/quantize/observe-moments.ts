import { checkGraph, indexGraph } from "../graph.ts";
import { copyModel, type Model } from "../model-file.ts";
import { intAttribute, intsAttribute, makeNode } from "../node.ts";
import type { GraphProto } from "../onnx-pb.ts";
import { makeTensor, tensorDims } from "../tensor.ts";
import { DataType, makeValueInfo } from "../value-info.ts";
import type { Observer } from "./observe-values.ts";
import type { KeepFloat } from "./plan-quantization.ts";
import type { InputMoments } from "./round-weights.ts";
import { type WeightedLayer, weightedLayer } from "./weighted-layers.ts";

/** More weights an output channel than this would make the matrix slower than it is worth: they round to nearest. */
const LARGEST_SIZE = 1536;

/** A convolution whose moments are observed; `output` names it, as the node's own. */
export interface MomentLayer {
  readonly output: string;
  readonly size: number;
  readonly groups: number;
}

/**
 * The model with the sums of x xT over the places of one frame as its outputs, [groups, size, size], one for each
 * convolution: x are the inputs under its kernel, gathered by a convolution of zeros and ones. Batch 1.
 */
export function observeMoments(
  model: Model,
  keepFloat: KeepFloat,
): Observer & { readonly layers: readonly MomentLayer[] } {
  const observed = copyModel(model);
  const { graph } = observed;
  const index = indexGraph(graph);
  const layers: MomentLayer[] = [];
  graph.output = [];
  for (const node of [...graph.node]) {
    const layer = node.opType === "Conv" && !keepFloat(node.name) ? weightedLayer(node, index) : undefined;
    if (layer === undefined) continue;
    const size = tensorDims(layer.weight)
      .slice(1)
      .reduce((product, dim) => product * dim, 1);
    const groups = intAttribute(node, "group", 1);
    if (size > LARGEST_SIZE) continue;
    layers.push({ output: node.output[0] ?? "", size, groups });
    graph.output.push(pushMoments(graph, layer, size, groups));
  }
  checkGraph(graph);
  return { model: observed, outputs: graph.output.map(({ name }) => name), layers };
}

export const noMoments = ({ size, groups }: MomentLayer): InputMoments => ({
  size,
  groups,
  values: new Float64Array(groups * size * size),
});

export function addMoments({ values }: InputMoments, sums: Float32Array): void {
  sums.forEach((sum, position) => {
    values[position] = (values[position] ?? 0) + sum;
  });
}

function pushMoments(graph: GraphProto, layer: WeightedLayer, size: number, groups: number) {
  const output = layer.node.output[0] ?? "";
  const named = (part: string): string => `${output}.moments.${part}`;
  const patches = pushPatches(graph, layer, named("patches"));
  graph.initializer.push(makeTensor(named("shape"), [3], BigInt64Array.from([groups, size, -1], BigInt)));
  graph.node.push(
    makeNode({
      opType: "Reshape",
      name: named("rows"),
      inputs: [patches, named("shape")],
      outputs: [named("rows")],
    }),
    makeNode({
      opType: "Transpose",
      name: named("columns"),
      inputs: [named("rows")],
      outputs: [named("columns")],
      attributes: { perm: { ints: [0, 2, 1] } },
    }),
    makeNode({
      opType: "MatMul",
      name: named("sum"),
      inputs: [named("rows"), named("columns")],
      outputs: [named("sum")],
    }),
  );
  return makeValueInfo(named("sum"), DataType.FLOAT, [groups, size, size]);
}

/** [1, inputs * places under the kernel, h, w]: channel c * places + p is input c as place p of the kernel sees it. */
function pushPatches(graph: GraphProto, { node, input, weight }: WeightedLayer, name: string): string {
  const [, perGroup = 1, ...kernel] = tensorDims(weight);
  const places = kernel.reduce((product, dim) => product * dim, 1);
  const isPointwise =
    places === 1 &&
    (intsAttribute(node, "strides") ?? []).every((stride) => stride === 1) &&
    (intsAttribute(node, "pads") ?? []).every((pad) => pad === 0);
  if (isPointwise) return input;
  const inputs = perGroup * intAttribute(node, "group", 1);
  const picks = new Float32Array(inputs * places * places);
  for (let channel = 0; channel < inputs; channel++) {
    for (let place = 0; place < places; place++) picks[(channel * places + place) * places + place] = 1;
  }
  graph.initializer.push(makeTensor(`${name}.weight`, [inputs * places, 1, ...kernel], picks));
  const gather = makeNode({ opType: "Conv", name, inputs: [input, `${name}.weight`], outputs: [name] });
  const kept = node.attribute.filter((attribute) => attribute.name !== "group");
  gather.attribute = [
    ...kept,
    ...makeNode({ opType: "", name: "", inputs: [], outputs: [], attributes: { group: { int: inputs } } }).attribute,
  ];
  graph.node.push(gather);
  return name;
}

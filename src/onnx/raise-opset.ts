import { copyModel, type Model, opsetVersion } from "./model-file.ts";
import { floatAttribute, intAttribute, intsAttribute } from "./node.ts";
import type { GraphProto, NodeProto } from "./onnx-pb.ts";
import { makeTensor, type TensorData } from "./tensor.ts";

/** The set this project's graphs are written in. */
export const RAISED_OPSET = 13;
/** Before 7 operands were repeated by attributes; such files are from 2017 and older. */
export const OLDEST_OPSET = 7;

/**
 * Operators of the default set that mean the same from opset 7 to 13 in the form they have in a float32 network
 * (onnx/docs/Changelog.md: what changed were element types, negative axes and attributes with the old default).
 */
const UNCHANGED = new Set([
  ..."Abs Add AveragePool Cast Concat Constant ConstantOfShape Conv Div Exp Flatten Gather Gemm".split(" "),
  ..."GlobalAveragePool GlobalMaxPool HardSigmoid Identity LeakyRelu Log MatMul MaxPool Mul Neg PRelu Pow".split(" "),
  ..."ReduceMax ReduceMean Relu Reshape Shape Sigmoid Sqrt Sub Tanh Transpose".split(" "),
]);

type Raise = (node: NodeProto, graph: GraphProto) => void;

/** Operators whose form changed: how each is written in opset 13. */
const CHANGED: Readonly<Record<string, Raise>> = {
  BatchNormalization: (node) => {
    if (intAttribute(node, "spatial", 1) === 0)
      throw new Error(`node ${node.name} (BatchNormalization): spatial 0 has no form in opset ${RAISED_OPSET}`);
    dropAttributes(node, ["spatial"]);
    // Beyond the first, outputs were statistics of a training run.
    node.output = node.output.slice(0, 1);
  },
  // Limits were attributes up to opset 10.
  Clip: (node, graph) => {
    if (!node.attribute.some(({ name }) => name === "min" || name === "max")) return;
    const limit = (name: string): string =>
      node.attribute.some((attribute) => attribute.name === name)
        ? store(node, graph, name, [], Float32Array.of(floatAttribute(node, name, 0)))
        : "";
    const limits = [limit("min"), limit("max")];
    node.input = [node.input[0] ?? "", ...(limits[1] === "" ? limits.slice(0, 1) : limits)];
    dropAttributes(node, ["min", "max"]);
  },
  // The ratio became an input in opset 12; where a network is used it does nothing.
  Dropout: (node) => {
    node.input = node.input.slice(0, 1);
    node.output = node.output.slice(0, 1);
    dropAttributes(node, ["ratio", "seed"]);
  },
  ReduceSum: axesToInput,
  Squeeze: axesToInput,
  Unsqueeze: axesToInput,
  Softmax: keepRankTwoSoftmax,
  LogSoftmax: keepRankTwoSoftmax,
};

/**
 * The same network in opset 13 or later: a model of opset 13 and newer as it is, one of 7 to 12 with its operators
 * rewritten where their form changed. Throws an Error that names the opset, and the operator that cannot be raised.
 */
export function raiseOpset(model: Model): Model {
  const raised = copyModel(model);
  const version = opsetVersion(model);
  if (version >= RAISED_OPSET) return raised;
  const advice = `export it again with opset ${RAISED_OPSET} or later`;
  if (version < OLDEST_OPSET) throw new Error(`the model is of opset ${version}, which is too old: ${advice}`);
  for (const node of raised.graph.node) {
    const raise = CHANGED[node.opType];
    if (raise !== undefined) raise(node, raised.graph);
    else if (!UNCHANGED.has(node.opType)) {
      const where = `node ${node.name} (${node.opType})`;
      throw new Error(`the model is of opset ${version}, and its ${where} cannot be brought to a newer one: ${advice}`);
    }
  }
  for (const entry of raised.opsetImport) {
    if (entry.domain === "" || entry.domain === "ai.onnx") entry.version = BigInt(RAISED_OPSET);
  }
  // IR 7 belongs to opset 13.
  if (raised.irVersion < 7n) raised.irVersion = 7n;
  return raised;
}

/** Up to opset 12 the axes of these were an attribute. */
function axesToInput(node: NodeProto, graph: GraphProto): void {
  const axes = intsAttribute(node, "axes");
  if (axes === undefined) return;
  node.input = [node.input[0] ?? "", store(node, graph, "axes", [axes.length], BigInt64Array.from(axes, BigInt))];
  dropAttributes(node, ["axes"]);
}

/**
 * Up to opset 12 Softmax normalised over all axes from `axis` (by default 1) on, since 13 over that one alone. Both are
 * the same for the [N,C] scores a Gemm or a Flatten makes; elsewhere the ranks are not known here.
 */
function keepRankTwoSoftmax(node: NodeProto, graph: GraphProto): void {
  const axis = intAttribute(node, "axis", 1);
  const producer = graph.node.find(({ output }) => output.includes(node.input[0] ?? ""));
  const isRankTwo = producer?.opType === "Gemm" || producer?.opType === "Flatten";
  if (axis !== -1 && !(isRankTwo && axis === 1)) {
    throw new Error(
      `node ${node.name} (${node.opType}) normalises several axes at once, which opset ${RAISED_OPSET} does not: ` +
        `export the model again with opset ${RAISED_OPSET} or later`,
    );
  }
  // -1 is the default since 13.
  dropAttributes(node, ["axis"]);
}

function store(node: NodeProto, graph: GraphProto, role: string, dims: readonly number[], data: TensorData): string {
  const name = `${node.output[0] ?? node.name}.${role}`;
  graph.initializer.push(makeTensor(name, dims, data));
  return name;
}

function dropAttributes(node: NodeProto, names: readonly string[]): void {
  node.attribute = node.attribute.filter(({ name }) => !names.includes(name));
}

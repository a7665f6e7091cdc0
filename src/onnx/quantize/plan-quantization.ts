import type { GraphIndex } from "../graph.ts";
import type { GraphProto, NodeProto } from "../onnx-pb.ts";
import { clampLimits } from "./clamp-limits.ts";
import { type IntegerInput, integerInputOf } from "./integer-input.ts";
import { type WeightedLayer, weightedLayer } from "./weighted-layers.ts";

/**
 * `cpu`: uint8 activations with a zero point, for x86 (VNNI) and ARM CPUs through ONNX Runtime. `tensorrt`: int8 with
 * zero point 0, the only kind its parser takes. Neither graph serves the other well.
 */
export type QuantizationTarget = "cpu" | "tensorrt";

/** Which nodes stay float32: those whose name this is true of. */
export type KeepFloat = (nodeName: string) => boolean;

export interface QuantizationScope {
  readonly keepFloat: KeepFloat;
  readonly target: QuantizationTarget;
}

export interface QuantizationPlan {
  readonly layers: readonly WeightedLayer[];
  /** Tensors rounded to integers of their own scale, in graph order; stored constants among them. */
  readonly activations: readonly string[];
  /** Tensors that only move or select values: they keep the scale of the tensor named. */
  readonly sharedWith: ReadonlyMap<string, string>;
  /** Relu and Clip that saturation at the range of their output stands for: they are dropped. */
  readonly folded: readonly NodeProto[];
  /** First layers fed from integers as they come, by their input tensor. */
  readonly integerInputs: ReadonlyMap<string, IntegerInput>;
}

/** Ops whose output holds only values of their input. */
const MOVING_OPS = new Set(["MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Identity"]);
const VIEW_OPS = new Set(["Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity"]);
const POOLING_OPS = new Set(["AveragePool", "GlobalAveragePool"]);
/** Ops with integer kernels of their own that read and write any scale. */
const ARITHMETIC_OPS = new Set(["Add", "Mul", "Concat", "Sigmoid"]);

/**
 * Where integers begin and end, by the rules of onnxruntime.quantization (registry QDQRegistry) for `cpu` and of
 * NVIDIA's TensorRT developer guide ("Q/DQ layer-placement recommendations") for `tensorrt`. Two differences on
 * purpose: an average that nothing integer reads stays float32, since it is the embedding; and a Clip that does not
 * contain 0 is kept, since a range always does.
 */
export function planQuantization(graph: GraphProto, index: GraphIndex, scope: QuantizationScope): QuantizationPlan {
  const draft: Draft = {
    index,
    scope,
    layers: [],
    activations: new Set(),
    sharedWith: new Map(),
    folded: [],
    integerInputs: new Map(),
  };
  for (const node of graph.node) {
    if (scope.keepFloat(node.name)) continue;
    if (scope.target === "cpu") planForCpu(draft, node);
    else planForTensorRt(draft, node);
  }
  return { ...draft, activations: inGraphOrder(draft.activations, graph) };
}

/** Float tensors whose values must be watched on real frames before the model can be quantised for any target. */
export function tensorsToObserve(graph: GraphProto, index: GraphIndex, keepFloat: KeepFloat): string[] {
  const wanted = (["cpu", "tensorrt"] as const).flatMap(
    (target) => planQuantization(graph, index, { keepFloat, target }).activations,
  );
  return inGraphOrder(new Set(wanted), graph).filter((name) => !index.initializers.has(name));
}

interface Draft {
  readonly index: GraphIndex;
  readonly scope: QuantizationScope;
  readonly layers: WeightedLayer[];
  readonly activations: Set<string>;
  readonly sharedWith: Map<string, string>;
  readonly folded: NodeProto[];
  readonly integerInputs: Map<string, IntegerInput>;
}

const isInteger = (draft: Draft, tensor: string): boolean =>
  draft.activations.has(tensor) || draft.sharedWith.has(tensor);

function mark(draft: Draft, tensor: string): void {
  if (tensor !== "" && !draft.sharedWith.has(tensor)) draft.activations.add(tensor);
}

function planForCpu(draft: Draft, node: NodeProto): void {
  const { index } = draft;
  const [input = ""] = node.input;
  const [output = ""] = node.output;
  const layer = weightedLayer(node, index);
  if (layer !== undefined) {
    addLayer(draft, layer);
    mark(draft, output);
  } else if (node.opType === "Relu" || node.opType === "Clip") {
    if (isInteger(draft, input)) planClamp(draft, node, input, output);
  } else if (MOVING_OPS.has(node.opType)) {
    if (isInteger(draft, input)) draft.sharedWith.set(output, draft.sharedWith.get(input) ?? input);
  } else if (POOLING_OPS.has(node.opType)) {
    if (!isInteger(draft, input) || !feedsIntegers(draft, output)) return;
    if (node.opType === "AveragePool") draft.sharedWith.set(output, draft.sharedWith.get(input) ?? input);
    else mark(draft, output);
  } else if (ARITHMETIC_OPS.has(node.opType) && node.input.some((name) => isInteger(draft, name))) {
    for (const name of node.input) mark(draft, name);
    mark(draft, output);
  }
}

function planForTensorRt(draft: Draft, node: NodeProto): void {
  const { index } = draft;
  const [input = ""] = node.input;
  const layer = weightedLayer(node, index);
  if (layer !== undefined) addLayer(draft, layer);
  else if (node.opType === "Add") for (const name of shortcutsOf(draft, node)) mark(draft, name);
  else if (POOLING_OPS.has(node.opType) && feedsIntegers(draft, node.output[0] ?? "")) mark(draft, input);
}

function addLayer(draft: Draft, layer: WeightedLayer): void {
  draft.layers.push(layer);
  const pixels = integerInputOf(layer, draft.index);
  const fits = pixels !== undefined && (draft.scope.target === "cpu" || pixels.zeroPoint === INT8_OFFSET);
  if (fits) draft.integerInputs.set(layer.input, pixels);
  else mark(draft, layer.input);
}

/** Less this, bytes 0 to 255 are exactly the int8 -128 to 127. */
const INT8_OFFSET = 128;

const NO_LIMITS = { min: NaN, max: NaN } as const;

function planClamp(draft: Draft, node: NodeProto, input: string, output: string): void {
  const { outputNames, consumersOf } = draft.index;
  const alone = consumersOf.get(input)?.length === 1 && !outputNames.has(input) && !outputNames.has(output);
  const movable = draft.activations.has(input) && draft.index.producerOf.has(input);
  const { min, max } = clampLimits(node, draft.index) ?? NO_LIMITS;
  if (alone && movable && min <= 0 && max >= 0) {
    draft.activations.delete(input);
    draft.folded.push(node);
  }
  mark(draft, output);
}

/** Does every reader of the tensor work in integers, views looked through? Nobody reading it counts as no. */
function feedsIntegers(draft: Draft, tensor: string): boolean {
  const { index, scope } = draft;
  const readers = index.consumersOf.get(tensor) ?? [];
  if (readers.length === 0 || index.outputNames.has(tensor)) return false;
  return readers.every((node) => {
    if (scope.keepFloat(node.name)) return false;
    if (VIEW_OPS.has(node.opType)) return feedsIntegers(draft, node.output[0] ?? "");
    if (weightedLayer(node, index) !== undefined) return true;
    return scope.target === "cpu" && ARITHMETIC_OPS.has(node.opType);
  });
}

/**
 * The inputs of an Add that TensorRT wants in int8: all but the one that the last layer before it makes for it alone,
 * into which the Add is fused.
 */
function shortcutsOf({ index }: Draft, node: NodeProto): string[] {
  const main = node.input.findLast((name) => {
    const producer = index.producerOf.get(name);
    return (
      producer !== undefined &&
      weightedLayer(producer, index) !== undefined &&
      index.consumersOf.get(name)?.length === 1
    );
  });
  const variable = node.input.filter((name) => !index.initializers.has(name));
  return variable.length < 2 ? [] : variable.filter((name) => name !== main);
}

function inGraphOrder(tensors: ReadonlySet<string>, graph: GraphProto): string[] {
  const everything = [
    ...graph.initializer.map(({ name }) => name),
    ...graph.input.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ];
  return everything.filter((name) => tensors.has(name));
}

import { indexGraph } from "./graph.ts";
import { intAttribute, intsAttribute, stringAttribute } from "./node.ts";
import type { GraphProto, NodeProto, TensorProto } from "./onnx-pb.ts";
import { elementCount, tensorData, tensorDims } from "./tensor.ts";

export type Shape = readonly number[];

/** Kernel, strides, pads [top, left, bottom, right] and dilations of a Conv or pooling node, defaults filled in. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
}

const pair = (values: readonly number[] | undefined, fallback: number): [number, number] => [
  values?.[0] ?? fallback,
  values?.[1] ?? fallback,
];

/** The window of a node; a Conv without `kernel_shape` takes it from its weight's dims. */
export function windowOf(node: NodeProto, weightDims?: Shape): Window {
  if (!["NOTSET", ""].includes(stringAttribute(node, "auto_pad", "NOTSET"))) {
    throw new Error(`node ${node.name} (${node.opType}) uses auto_pad; export it with explicit pads`);
  }
  const pads = intsAttribute(node, "pads");
  return {
    kernel: pair(intsAttribute(node, "kernel_shape") ?? weightDims?.slice(2), 1),
    strides: pair(intsAttribute(node, "strides"), 1),
    pads: [pads?.[0] ?? 0, pads?.[1] ?? 0, pads?.[2] ?? 0, pads?.[3] ?? 0],
    dilations: pair(intsAttribute(node, "dilations"), 1),
  };
}

/**
 * Static shapes of every tensor, from those of the graph inputs, for the operators a trainable network is made of.
 * Throws an Error that names the node where a shape cannot be told.
 */
export function inferShapes(graph: GraphProto, inputs: ReadonlyMap<string, Shape>): Map<string, Shape> {
  const { initializers } = indexGraph(graph);
  const shapes = new Map<string, Shape>(inputs);
  for (const [name, tensor] of initializers) shapes.set(name, tensorDims(tensor));
  for (const node of graph.node) {
    const of = (position: number): Shape => {
      const shape = shapes.get(node.input[position] ?? "");
      if (shape === undefined) throw new Error(`node ${node.name} (${node.opType}): its input has no known shape`);
      return shape;
    };
    shapes.set(node.output[0] ?? "", outputShape(node, of, initializers));
  }
  return shapes;
}

/** Shape of a node's first output; `of` gives those of its inputs. */
export function outputShape(
  node: NodeProto,
  of: (position: number) => Shape,
  initializers: ReadonlyMap<string, TensorProto>,
): Shape {
  switch (node.opType) {
    case "Conv": {
      const [batch = 0] = of(0);
      return [batch, of(1)[0] ?? 0, ...windowedSize(of(0), windowOf(node, of(1)))];
    }
    case "MaxPool":
    case "AveragePool": {
      const [batch = 0, channels = 0] = of(0);
      const roundsUp = intAttribute(node, "ceil_mode", 0) !== 0;
      if (roundsUp && node.opType === "AveragePool")
        throw new Error(`node ${node.name} (AveragePool): ceil_mode 1 is not supported; export with ceil_mode 0`);
      return [batch, channels, ...(roundsUp ? sizeRoundedUp(node, of(0)) : windowedSize(of(0), windowOf(node)))];
    }
    case "GlobalAveragePool":
      return [of(0)[0] ?? 0, of(0)[1] ?? 0, 1, 1];
    case "Gemm":
      return [
        of(0)[intAttribute(node, "transA", 0) === 0 ? 0 : 1] ?? 0,
        of(1)[intAttribute(node, "transB", 0) === 0 ? 1 : 0] ?? 0,
      ];
    case "Flatten": {
      const axis = intAttribute(node, "axis", 1);
      return [elementCount(of(0).slice(0, axis)), elementCount(of(0).slice(axis))];
    }
    case "Reshape":
      return reshaped(node, of(0), initializers.get(node.input[1] ?? ""));
    case "Concat": {
      const axis = axisOf(node, 0, of(0).length);
      const total = node.input.reduce((sum, _, position) => sum + (of(position)[axis] ?? 0), 0);
      return of(0).map((size, dimension) => (dimension === axis ? total : size));
    }
    case "TopK": {
      const count = initializers.get(node.input[1] ?? "");
      if (count === undefined) throw new Error(`node ${node.name} (TopK): its count is computed, not stored`);
      const axis = axisOf(node, -1, of(0).length);
      return of(0).map((size, dimension) => (dimension === axis ? Number(tensorData(count)[0]) : size));
    }
    case "Transpose": {
      const order = intsAttribute(node, "perm") ?? [...of(0).keys()].reverse();
      return order.map((from) => of(0)[from] ?? 0);
    }
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
      return broadcastShape(of(0), of(1));
    default:
      return of(0);
  }
}

/** The axis of a node that has one, counted from the front. */
export function axisOf(node: NodeProto, fallback: number, rank: number): number {
  const axis = intAttribute(node, "axis", fallback);
  return axis < 0 ? axis + rank : axis;
}

const reachOf = ({ kernel, dilations }: Window, axis: 0 | 1): number => dilations[axis] * (kernel[axis] - 1) + 1;

const paddedLength = (input: Shape, { pads }: Window, axis: 0 | 1): number =>
  (input[axis + 2] ?? 0) + pads[axis] + pads[axis === 0 ? 2 : 3];

function windowedSize(input: Shape, window: Window): [number, number] {
  const size = (axis: 0 | 1): number =>
    Math.floor((paddedLength(input, window, axis) - reachOf(window, axis)) / window.strides[axis]) + 1;
  return [size(0), size(1)];
}

/** ceil_mode 1: the last window may lack places. One that would begin behind the input is counted by some runtimes only. */
function sizeRoundedUp(node: NodeProto, input: Shape): [number, number] {
  const window = windowOf(node);
  const size = (axis: 0 | 1): number => {
    const steps = Math.ceil((paddedLength(input, window, axis) - reachOf(window, axis)) / window.strides[axis]);
    if (steps * window.strides[axis] < (input[axis + 2] ?? 0) + window.pads[axis]) return steps + 1;
    const sentence = "with ceil_mode 1 its last window lies in the padding; export with ceil_mode 0";
    throw new Error(`node ${node.name} (${node.opType}): ${sentence}`);
  };
  return [size(0), size(1)];
}

function reshaped(node: NodeProto, input: Shape, target: TensorProto | undefined): Shape {
  if (target === undefined) throw new Error(`node ${node.name} (Reshape): its target shape is computed, not stored`);
  const wanted = [...tensorData(target)].map(Number).map((size, axis) => (size === 0 ? (input[axis] ?? 0) : size));
  const known = elementCount(wanted.filter((size) => size >= 0));
  return wanted.map((size) => (size === -1 ? elementCount(input) / known : size));
}

/** Shape of two operands after NumPy broadcasting. */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - (rank - a.length)] ?? 1;
    const right = b[axis - (rank - b.length)] ?? 1;
    return left === 1 ? right : left;
  });
}

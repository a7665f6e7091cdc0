import { makeNode, type AttributeValue } from "../node.ts";
import type { GraphProto } from "../onnx-pb.ts";
import { makeTensor, type TensorData } from "../tensor.ts";
import type { Shape } from "../tensor-shapes.ts";

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Appends nodes and constants to a graph under names of its own, and gives the names of what they make. */
export class GraphWriter {
  readonly #graph: GraphProto;
  readonly #prefix: string;
  readonly #constants = new Map<string, string>();
  #count = 0;

  constructor(graph: GraphProto, prefix: string) {
    this.#graph = graph;
    this.#prefix = prefix;
  }

  /** Adds a node with one output. `output` names it; otherwise it gets a name of the writer's. */
  node(opType: string, inputs: readonly string[], attributes: Attributes = {}, output?: string): string {
    const name = `${this.#prefix}${this.#count++}.${opType}`;
    this.#graph.node.push(makeNode({ opType, name, inputs, outputs: [output ?? name], attributes }));
    return output ?? name;
  }

  /** A stored tensor; equal small ones are stored once. */
  constant(dims: Shape, data: TensorData): string {
    const key = data.length > 64 ? undefined : `${data.constructor.name} [${dims.join()}] ${data.join()}`;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `${this.#prefix}constant${this.#count++}`;
    this.#graph.initializer.push(makeTensor(name, dims, data));
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  scalar(value: number): string {
    return this.constant([], Float32Array.of(value));
  }

  integers(values: readonly number[]): string {
    return this.constant([values.length], BigInt64Array.from(values, BigInt));
  }

  reshape(tensor: string, shape: Shape): string {
    return this.node("Reshape", [tensor, this.integers(shape)]);
  }

  transpose(tensor: string, order: readonly number[]): string {
    return this.node("Transpose", [tensor], { perm: { ints: order } });
  }

  /** Sum over axes, which are dropped. */
  sumOver(tensor: string, axes: readonly number[]): string {
    return this.node("ReduceSum", [tensor, this.integers(axes)], { keepdims: { int: 0 } });
  }

  slice(
    tensor: string,
    axes: readonly number[],
    starts: readonly number[],
    ends: readonly number[],
    steps?: Shape,
  ): string {
    const inputs = [tensor, this.integers(starts), this.integers(ends), this.integers(axes)];
    return this.node("Slice", steps === undefined ? inputs : [...inputs, this.integers(steps)]);
  }

  /** Zeros around a tensor: `before` and `after` of every axis; the tensor itself where all are 0. */
  padZeros(tensor: string, before: readonly number[], after: readonly number[]): string {
    if ([...before, ...after].every((size) => size === 0)) return tensor;
    return this.node("Pad", [tensor, this.integers([...before, ...after])]);
  }
}

import { makeModel, type Model } from "../../src/onnx/model-file.ts";
import { type AttributeValue, makeNode } from "../../src/onnx/node.ts";
import { makeTensor, elementCount } from "../../src/onnx/tensor.ts";
import { DataType, type Dimension, makeValueInfo } from "../../src/onnx/value-info.ts";
import { seededRandom } from "../../src/platform/random.ts";

export interface ConvolutionOptions {
  readonly kernel?: number;
  readonly stride?: number;
  /** [top, left, bottom, right]. */
  readonly pads?: readonly [number, number, number, number];
  readonly dilation?: number;
  readonly group?: number;
  readonly bias?: boolean;
}

type Attributes = Readonly<Record<string, AttributeValue>>;

/** Builds small networks node by node; every method gives the name of the tensor it makes. Weights are seeded. */
export class NetworkBuilder {
  readonly model: Model;
  readonly #random: () => number;
  readonly #channels = new Map<string, number>();

  constructor(seed = 1, opset = 17) {
    this.model = makeModel("network");
    for (const entry of this.model.opsetImport) entry.version = BigInt(opset);
    this.#random = seededRandom(seed);
  }

  input(shape: readonly Dimension[], name = "x"): string {
    this.model.graph.input.push(makeValueInfo(name, DataType.FLOAT, shape));
    this.#channels.set(name, Number(shape[1]));
    return name;
  }

  output(name: string, shape: readonly Dimension[]): Model {
    this.model.graph.output.push(makeValueInfo(name, DataType.FLOAT, shape));
    return this.model;
  }

  /** Uniform in [low, high). */
  stored(name: string, shape: readonly number[], low = -1, high = 1): string {
    const values = Float32Array.from({ length: elementCount(shape) }, () => low + (high - low) * this.#random());
    return this.constant(name, shape, values);
  }

  constant(name: string, shape: readonly number[], values: Float32Array | BigInt64Array): string {
    this.model.graph.initializer.push(makeTensor(name, shape, values));
    return name;
  }

  node(opType: string, inputs: readonly string[], attributes: Attributes = {}, output?: string): string {
    const name = output ?? `${opType.toLowerCase()}${this.model.graph.node.length}`;
    this.model.graph.node.push(makeNode({ opType, name: `${name}.node`, inputs, outputs: [name], attributes }));
    this.#channels.set(name, this.channelsOf(inputs[0] ?? ""));
    return name;
  }

  channelsOf(tensor: string): number {
    return this.#channels.get(tensor) ?? 0;
  }

  conv(input: string, outputs: number, options: ConvolutionOptions = {}, name?: string): string {
    const { kernel = 1, stride = 1, dilation = 1, group = 1, bias = true } = options;
    const margin = Math.floor(((kernel - 1) * dilation) / 2);
    const pads = options.pads ?? [margin, margin, margin, margin];
    const inputs = this.channelsOf(input);
    const label = name ?? `conv${this.model.graph.node.length}`;
    const spread = Math.sqrt(6 / ((inputs / group) * kernel * kernel));
    const weight = this.stored(`${label}.weight`, [outputs, inputs / group, kernel, kernel], -spread, spread);
    const tensors = bias ? [input, weight, this.stored(`${label}.bias`, [outputs], -0.3, 0.3)] : [input, weight];
    const attributes = {
      kernel_shape: { ints: [kernel, kernel] },
      strides: { ints: [stride, stride] },
      pads: { ints: pads },
      dilations: { ints: [dilation, dilation] },
      group: { int: group },
    };
    const made = this.node("Conv", tensors, attributes, label);
    this.#channels.set(made, outputs);
    return made;
  }

  batchNorm(input: string, name = `norm${this.model.graph.node.length}`): string {
    const shape = [this.channelsOf(input)];
    const tensors = [
      input,
      this.stored(`${name}.scale`, shape, 0.5, 1.5),
      this.stored(`${name}.shift`, shape),
      this.stored(`${name}.mean`, shape),
      this.stored(`${name}.variance`, shape, 0.5, 2),
    ];
    return this.node("BatchNormalization", tensors, { epsilon: { float: 1e-3 } }, name);
  }

  gemm(input: string, outputs: number, name = `gemm${this.model.graph.node.length}`): string {
    const weight = this.stored(`${name}.weight`, [outputs, this.channelsOf(input)]);
    const made = this.node(
      "Gemm",
      [input, weight, this.stored(`${name}.bias`, [outputs])],
      { transB: { int: 1 } },
      name,
    );
    this.#channels.set(made, outputs);
    return made;
  }

  relu(input: string): string {
    return this.node("Relu", [input]);
  }

  /** Clip between 0 and 6, limits stored. */
  relu6(input: string): string {
    return this.node("Clip", [input, this.#scalar("zero", 0), this.#scalar("six", 6)]);
  }

  #scalar(name: string, value: number): string {
    if (this.model.graph.initializer.some((tensor) => tensor.name === name)) return name;
    return this.constant(name, [], Float32Array.of(value));
  }
}

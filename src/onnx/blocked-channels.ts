import { create } from "@bufbuild/protobuf";
import { GraphWriter } from "./gradient/graph-writer.ts";
import { checkGraph, dropUnusedInitializers, type GraphIndex, indexGraph } from "./graph.ts";
import { makeModel, type Model } from "./model-file.ts";
import { type AttributeValue, intAttribute } from "./node.ts";
import { type NodeProto, OperatorSetIdProtoSchema } from "./onnx-pb.ts";
import { elementCount, floatData, tensorData } from "./tensor.ts";
import { outputShape, type Shape, windowOf } from "./tensor-shapes.ts";
import { DataType, makeValueInfo } from "./value-info.ts";

/**
 * ONNX Runtime's own operators on blocked channels: a tensor [N,C,H,W] lies in memory as [N,C/b,H,W,b], so that b channels
 * of a place fill one vector register; its dims are still given as [N,C,H,W]. ONNX Runtime brings graphs into this form
 * by itself where the weights are stored. Weights that train are inputs, so here the graph is written in it.
 */
const BLOCKED_DOMAIN = "com.microsoft.nchwc";

/** Operators that treat every element alike and so run in either layout. Operands must have one shape or be scalars. */
const ELEMENTWISE = new Set(["Add", "Clip", "HardSigmoid", "HardSwish", "Mul", "Relu", "Sigmoid", "Sub"]);

/**
 * A graph whose one output tells the block b of this machine: dims [1,b,1,1]. ONNX Runtime refuses to load it where it
 * has no blocked operators.
 */
export function channelBlockProbe(): Model {
  const probe = makeModel("channel_block");
  probe.graph.input = [makeValueInfo("x", DataType.FLOAT, [1, PROBE_CHANNELS, 1, 1])];
  new BlockedWriter(probe).blockedNode("ReorderInput", ["x"], {}, "y");
  const output = makeValueInfo("y", DataType.FLOAT, []);
  delete output.type;
  probe.graph.output = [output];
  return probe;
}

/** Fewer than any block: they are filled up to one. */
export const PROBE_CHANNELS = 4;

/**
 * Rewrites a graph of fixed batch in place: convolutions whose channels fill whole blocks, and what is elementwise
 * between them, run on blocked channels; everything else gets its tensors as before. `shapes` tells the shapes of inputs
 * and of any other tensors that are known; a tensor of unknown shape stays as it is.
 */
export function blockChannels(model: Model, shapes: ReadonlyMap<string, Shape>, block: number): void {
  const { graph } = model;
  const blocker = new ChannelBlocker(model, shapes, block);
  const nodes = graph.node;
  graph.node = [];
  for (const node of nodes) blocker.add(node);
  for (const { name } of graph.output) blocker.plain(name);
  dropUnusedInitializers(graph);
  checkGraph(graph);
}

class BlockedWriter extends GraphWriter {
  readonly #model: Model;

  constructor(model: Model) {
    super(model.graph, "blocked.");
    this.#model = model;
    const domain = { domain: BLOCKED_DOMAIN, version: 1n };
    if (model.opsetImport.every((entry) => entry.domain !== BLOCKED_DOMAIN))
      model.opsetImport.push(create(OperatorSetIdProtoSchema, domain));
  }

  blockedNode(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    output?: string,
  ): string {
    const made = this.node(opType, inputs, attributes, output);
    const node = this.#model.graph.node.at(-1);
    if (node !== undefined) node.domain = BLOCKED_DOMAIN;
    return made;
  }

  asIs(node: NodeProto): void {
    this.#model.graph.node.push(node);
  }
}

class ChannelBlocker {
  readonly #writer: BlockedWriter;
  readonly #index: GraphIndex;
  readonly #block: number;
  readonly #shapes: Map<string, Shape>;
  /** Tensors that exist in the usual layout. */
  readonly #plain: Set<string>;
  /** Blocked twins by the name of the tensor. */
  readonly #blocked = new Map<string, string>();
  /** Reshapes done on blocked tensors, by their output: how to make it in the usual layout. */
  readonly #reshapes = new Map<string, NodeProto>();
  /** Activations that their convolution has taken over. */
  readonly #fused = new Set<NodeProto>();

  constructor(model: Model, shapes: ReadonlyMap<string, Shape>, block: number) {
    this.#writer = new BlockedWriter(model);
    this.#index = indexGraph(model.graph);
    this.#block = block;
    this.#shapes = new Map(shapes);
    for (const [name, { dims }] of this.#index.initializers) this.#shapes.set(name, dims.map(Number));
    this.#plain = new Set(["", ...this.#index.inputNames, ...this.#index.initializers.keys()]);
  }

  add(node: NodeProto): void {
    if (this.#fused.has(node)) return;
    const [output = ""] = node.output;
    if (!this.#shapes.has(output)) {
      const shape = this.#outputShape(node);
      if (shape !== undefined) this.#shapes.set(output, shape);
    }
    const done =
      this.#convolution(node) || this.#elementwise(node) || this.#reshape(node) || this.#pool(node) || this.#sum(node);
    if (done) return;
    for (const name of node.input) this.plain(name);
    this.#writer.asIs(node);
    for (const name of node.output) this.#plain.add(name);
  }

  /** Makes sure that a tensor exists in the usual layout. */
  plain(name: string): void {
    if (this.#plain.has(name)) return;
    this.#plain.add(name);
    const reshape = this.#reshapes.get(name);
    if (reshape !== undefined) {
      for (const input of reshape.input) this.plain(input);
      this.#writer.asIs(reshape);
      return;
    }
    const channels = this.#shapes.get(name)?.[1] ?? 0;
    this.#writer.blockedNode("ReorderOutput", [this.#blockedName(name)], { channels: { int: channels } }, name);
  }

  #blockedName(name: string): string {
    const known = this.#blocked.get(name);
    if (known !== undefined) return known;
    this.plain(name);
    const made = this.#writer.blockedNode("ReorderInput", [name], {});
    this.#blocked.set(name, made);
    return made;
  }

  #fillsBlocks(shape: Shape | undefined): shape is Shape {
    return shape?.length === 4 && (shape[1] ?? 0) % this.#block === 0;
  }

  #convolution(node: NodeProto): boolean {
    const [input = "", weight = "", bias = ""] = node.input;
    const [output = ""] = node.output;
    const dims = this.#shapes.get(weight);
    const shape = this.#shapes.get(input);
    if (node.opType !== "Conv" || dims?.length !== 4 || shape === undefined) return false;
    if (!this.#fillsBlocks(this.#shapes.get(output))) return false;
    const groups = intAttribute(node, "group", 1);
    const isDepthwise = groups > 1 && groups === dims[0] && dims[1] === 1 && shape[1] === groups;
    // A few input channels (an image) are read as they lie.
    const readsPlain = groups === 1 && (dims[1] ?? 0) < this.#block;
    if (groups > 1 && !isDepthwise) return false;
    if (!readsPlain && !this.#fillsBlocks(shape)) return false;
    const blockedWeight = isDepthwise
      ? this.#depthwiseWeight(weight, dims)
      : readsPlain
        ? this.#imageWeight(weight, dims)
        : this.#denseWeight(weight, dims);
    if (readsPlain) this.plain(input);
    this.plain(bias);
    const { kernel, strides, pads, dilations } = windowOf(node, dims);
    const activation = this.#activationOf(output);
    const inputs = [readsPlain ? input : this.#blockedName(input), blockedWeight, ...(bias === "" ? [] : [bias])];
    const made = this.#writer.blockedNode("Conv", inputs, {
      group: { int: groups },
      kernel_shape: { ints: kernel },
      strides: { ints: strides },
      pads: { ints: pads },
      dilations: { ints: dilations },
      ...activation?.attributes,
    });
    if (activation !== undefined) {
      this.#fused.add(activation.node);
      this.#shapes.set(activation.node.output[0] ?? "", this.#shapes.get(output) ?? []);
    }
    this.#blocked.set(activation?.node.output[0] ?? output, made);
    return true;
  }

  /** The activation that alone reads a convolution's output, as attributes of the convolution. */
  #activationOf(
    output: string,
  ): { readonly node: NodeProto; readonly attributes: Readonly<Record<string, AttributeValue>> } | undefined {
    const consumers = this.#index.consumersOf.get(output) ?? [];
    const [node] = consumers;
    if (node === undefined || consumers.length > 1 || this.#index.outputNames.has(output)) return undefined;
    if (node.opType === "Relu") return { node, attributes: { activation: { string: "Relu" } } };
    if (node.opType !== "Clip") return undefined;
    const [low, high] = [1, 2].map((position) => this.#index.initializers.get(node.input[position] ?? ""));
    if (low === undefined || high === undefined) return undefined;
    const limits = [floatData(low)[0] ?? 0, floatData(high)[0] ?? 0];
    return { node, attributes: { activation: { string: "Clip" }, activation_params: { floats: limits } } };
  }

  /** [C,1,kh,kw]: laid out like an image of C channels, which it may be already (see the gradient by it). */
  #depthwiseWeight(weight: string, dims: Shape): string {
    const known = this.#blocked.get(weight);
    if (known !== undefined) return known;
    const [channels = 0, , ...kernel] = dims;
    this.plain(weight);
    const image = this.#writer.reshape(weight, [1, channels, ...kernel]);
    return this.#writer.reshape(this.#writer.blockedNode("ReorderInput", [image], {}), dims);
  }

  /** [Co,Ci,kh,kw] to [Co/b,Ci/b,kh,kw,bi,bo]. */
  #denseWeight(weight: string, dims: Shape): string {
    const [outputs = 0, inputs = 0] = dims;
    const taps = elementCount(dims.slice(2));
    const b = this.#block;
    this.plain(weight);
    const blocks = [outputs / b, b, inputs / b, b];
    const split = this.#writer.reshape(weight, taps === 1 ? blocks : [...blocks, taps]);
    return this.#writer.reshape(this.#writer.transpose(split, taps === 1 ? [0, 2, 3, 1] : [0, 2, 4, 3, 1]), dims);
  }

  /** [Co,Ci,kh,kw] to [Co/b,Ci,kh,kw,bo]. */
  #imageWeight(weight: string, dims: Shape): string {
    const [outputs = 0] = dims;
    this.plain(weight);
    const split = this.#writer.reshape(weight, [outputs / this.#block, this.#block, elementCount(dims.slice(1))]);
    return this.#writer.reshape(this.#writer.transpose(split, [0, 2, 1]), dims);
  }

  #elementwise(node: NodeProto): boolean {
    const [output = ""] = node.output;
    const shape = this.#shapes.get(output);
    if (!ELEMENTWISE.has(node.opType) || !this.#fillsBlocks(shape)) return false;
    const isScalar = (name: string): boolean => name === "" || elementCount(this.#shapes.get(name) ?? [0]) === 1;
    const tensors = node.input.filter((name) => !isScalar(name));
    if (!tensors.every((name) => this.#shapes.get(name)?.join() === shape.join())) return false;
    if (!tensors.some((name) => this.#blocked.has(name))) return false;
    for (const name of node.input) if (isScalar(name)) this.plain(name);
    const inputs = node.input.map((name) => (isScalar(name) ? name : this.#blockedName(name)));
    const made = `${output}.blocked`;
    this.#writer.asIs({ ...node, input: inputs, output: [made] });
    this.#blocked.set(output, made);
    return true;
  }

  /** Images counted as channels, [N,C,H,W] to [1,N*C,H,W] or [N*C,1,H,W]: nothing moves in memory. */
  #reshape(node: NodeProto): boolean {
    const [input = "", target = ""] = node.input;
    const [output = ""] = node.output;
    const shape = this.#shapes.get(output);
    const source = this.#blocked.get(input);
    const from = this.#shapes.get(input);
    if (node.opType !== "Reshape" || source === undefined || shape?.length !== 4 || from === undefined) return false;
    const channels = Math.max(shape[0] ?? 0, shape[1] ?? 0);
    if (channels !== elementCount(shape.slice(0, 2)) || channels % this.#block !== 0) return false;
    if (shape[2] !== from[2] || shape[3] !== from[3]) return false;
    this.#blocked.set(output, this.#writer.node("Reshape", [source, target]));
    this.#reshapes.set(output, node);
    return true;
  }

  #pool(node: NodeProto): boolean {
    const source = this.#blocked.get(node.input[0] ?? "");
    const [output = ""] = node.output;
    if (node.opType !== "GlobalAveragePool" || source === undefined) return false;
    // One place an image: both layouts are the same.
    this.#writer.blockedNode("GlobalAveragePool", [source], {}, output);
    this.#plain.add(output);
    return true;
  }

  /** A sum over all but the channels. */
  #sum(node: NodeProto): boolean {
    const [input = "", axes = ""] = node.input;
    const [output = ""] = node.output;
    const source = this.#blocked.get(input);
    const shape = this.#shapes.get(input);
    const stored = this.#index.initializers.get(axes);
    if (node.opType !== "ReduceSum" || source === undefined || shape === undefined || stored === undefined)
      return false;
    if ([...tensorData(stored)].join() !== "0,2,3" || intAttribute(node, "keepdims", 1) !== 0) return false;
    const [batch = 0, channels = 0, height = 0, width = 0] = shape;
    const places = this.#writer.reshape(source, [(batch * channels) / this.#block, height * width, this.#block]);
    const images = this.#writer.reshape(this.#writer.sumOver(places, [1]), [batch, channels]);
    this.#writer.node("ReduceSum", [images, this.#writer.integers([0])], { keepdims: { int: 0 } }, output);
    this.#plain.add(output);
    return true;
  }

  #outputShape(node: NodeProto): Shape | undefined {
    if (!["Conv", "Reshape", "GlobalAveragePool", ...ELEMENTWISE].includes(node.opType)) return undefined;
    const stored = node.opType === "Reshape" ? this.#index.initializers.get(node.input[1] ?? "") : undefined;
    const target = stored === undefined ? undefined : [...tensorData(stored)].map(Number);
    if (target?.every((size) => size > 0)) return target;
    const inputs = node.input.map((name) => this.#shapes.get(name));
    const count = node.opType === "Reshape" || node.opType === "GlobalAveragePool" ? 1 : inputs.length;
    if (inputs.slice(0, count).some((shape, position) => shape === undefined && node.input[position] !== ""))
      return undefined;
    return outputShape(node, (position) => inputs[position] ?? [], this.#index.initializers);
  }
}

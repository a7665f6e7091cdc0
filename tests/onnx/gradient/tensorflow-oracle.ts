import type * as tensorflow from "@tensorflow/tfjs";
import { indexGraph } from "../../../src/onnx/graph.ts";
import type { Model } from "../../../src/onnx/model-file.ts";
import { floatAttribute, intAttribute, intsAttribute } from "../../../src/onnx/node.ts";
import type { NodeProto } from "../../../src/onnx/onnx-pb.ts";
import { floatData, tensorData, tensorDims } from "../../../src/onnx/tensor.ts";
import { axisOf, type Window, windowOf } from "../../../src/onnx/tensor-shapes.ts";
import { loadTensorFlow } from "../../../src/training/tensorflow.ts";
import type { GradientCase, Values } from "./gradient-case.ts";

type TF = typeof tensorflow;
type Tensor = tensorflow.Tensor;
type Tensor4D = tensorflow.Tensor4D;

/** Gradients of the summed losses by the trained initializers, as TensorFlow.js computes them from the same network. */
export async function tensorflowGradients(
  subject: GradientCase,
  values: Values,
  targets: Values,
): Promise<Map<string, Float32Array>> {
  const { tf } = await loadTensorFlow();
  const { model, trained } = subject;
  const dims = new Map(model.graph.initializer.map((tensor) => [tensor.name, tensorDims(tensor)]));
  const loss = (...parameters: Tensor[]): Tensor => {
    const known = new Map(trained.map((name, index) => [name, parameters[index] as Tensor]));
    known.set(subject.input, tf.tensor(valueOf(values, subject.input), [...subject.inputShape]));
    const tensors = runInTensorFlow(tf, model, known, subject.losses);
    const terms = subject.losses.map((logits) => {
      const scores = tensors.get(logits) as Tensor;
      const places = scores.rank === 4 ? scores.transpose([0, 2, 3, 1]) : scores;
      const wanted = tf.tensor(valueOf(targets, logits), scores.shape);
      const spread = scores.rank === 4 ? wanted.transpose([0, 2, 3, 1]) : wanted;
      return tf.logSoftmax(places).mul(spread).sum().neg();
    });
    return terms.reduce((sum, term) => sum.add(term));
  };
  const parameters = trained.map((name) => tf.tensor(valueOf(values, name), dims.get(name)));
  const gradients = tf.grads(loss)(parameters);
  return new Map(trained.map((name, index) => [name, Float32Array.from(gradients[index]?.dataSync() ?? [])]));
}

const valueOf = (values: Values, name: string): Float32Array => values.get(name) ?? new Float32Array();

function runInTensorFlow(
  tf: TF,
  { graph }: Model,
  known: ReadonlyMap<string, Tensor>,
  outputs: readonly string[],
): Map<string, Tensor> {
  const { producerOf } = indexGraph(graph);
  const needed = new Set<NodeProto>();
  const visit = (name: string): void => {
    const node = known.has(name) ? undefined : producerOf.get(name);
    if (node === undefined || needed.has(node)) return;
    needed.add(node);
    node.input.forEach(visit);
  };
  outputs.forEach(visit);
  const tensors = new Map(known);
  const stored = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  for (const node of graph.node.filter((candidate) => needed.has(candidate))) {
    const of = (position: number): Tensor => {
      const name = node.input[position] ?? "";
      const tensor = tensors.get(name);
      if (tensor !== undefined) return tensor;
      const initializer = stored.get(name);
      if (initializer === undefined) throw new Error(`node ${node.name} has no input ${position}`);
      return tf.tensor(Float32Array.from([...tensorData(initializer)].map(Number)), tensorDims(initializer));
    };
    const scalar = (position: number, fallback: number): number => {
      const initializer = stored.get(node.input[position] ?? "");
      return initializer === undefined ? fallback : (floatData(initializer)[0] ?? fallback);
    };
    tensors.set(node.output[0] ?? "", compute(tf, node, of, scalar));
  }
  return tensors;
}

function compute(
  tf: TF,
  node: NodeProto,
  of: (position: number) => Tensor,
  scalar: (position: number, fallback: number) => number,
): Tensor {
  switch (node.opType) {
    case "Conv":
      return convolution(tf, node, of);
    case "Relu":
      return of(0).relu();
    case "Clip":
      return tf.clipByValue(of(0), scalar(1, -1e30), scalar(2, 1e30));
    case "Sigmoid":
      return of(0).sigmoid();
    case "HardSigmoid":
      return hardSigmoid(tf, of(0), floatAttribute(node, "alpha", 0.2), floatAttribute(node, "beta", 0.5));
    case "HardSwish":
      return of(0).mul(hardSigmoid(tf, of(0), 1 / 6, 0.5));
    case "Add":
      return of(0).add(of(1));
    case "Mul":
      return of(0).mul(of(1));
    case "Concat":
      return tf.concat(
        node.input.map((_, position) => of(position)),
        axisOf(node, 0, of(0).rank),
      );
    case "GlobalAveragePool":
      return of(0).mean([2, 3], true);
    case "MaxPool":
      return pooled(tf, of(0), roundedUp(node, of(0), windowOf(node)), "max", true);
    case "AveragePool":
      return pooled(tf, of(0), windowOf(node), "avg", intAttribute(node, "count_include_pad", 0) !== 0);
    case "Flatten":
      return of(0).reshape([of(0).shape[0] ?? 0, -1]);
    case "Reshape":
      return of(0).reshape([...of(1).dataSync()].map((size, axis) => (size === 0 ? (of(0).shape[axis] ?? 0) : size)));
    case "TopK":
      return topOf(tf, of(0), of(1).dataSync()[0] ?? 0);
    case "Identity":
    case "Dropout":
      return of(0);
    case "Gemm": {
      const product = tf.matMul(of(0), of(1), false, intAttribute(node, "transB", 0) !== 0);
      const scaled = product.mul(floatAttribute(node, "alpha", 1));
      return node.input.length > 2 ? scaled.add(of(2).mul(floatAttribute(node, "beta", 1))) : scaled;
    }
    default:
      throw new Error(`the oracle does not know ${node.opType}`);
  }
}

/** The greatest values along the last axis. TensorFlow.js has no gradient for its own, so a product picks them. */
function topOf(tf: TF, x: Tensor, count: number): Tensor {
  const size = x.shape.at(-1) ?? 0;
  const rows = x.size / size;
  const values = x.dataSync();
  const picks = Array.from({ length: rows }, (_, row) => {
    const own = [...values.subarray(row * size, (row + 1) * size)];
    const order = [...own.keys()].sort((a, b) => (own[b] ?? 0) - (own[a] ?? 0)).slice(0, count);
    return order.map((chosen) => own.map((_value, place) => (place === chosen ? 1 : 0)));
  });
  const picked = tf.matMul(tf.tensor3d(picks, [rows, count, size]), x.reshape([rows, size, 1]));
  return picked.reshape([...x.shape.slice(0, -1), count]);
}

const hardSigmoid = (tf: TF, x: Tensor, alpha: number, beta: number): Tensor =>
  tf.clipByValue(x.mul(alpha).add(beta), 0, 1);

const channelsLast = (x: Tensor): Tensor4D => x.transpose([0, 2, 3, 1]);
const channelsFirst = (x: Tensor): Tensor => x.transpose([0, 3, 1, 2]);

/** Dilation as a kernel with zeros in it, since TensorFlow.js has no gradient for dilation; groups one by one. */
function convolution(tf: TF, node: NodeProto, of: (position: number) => Tensor): Tensor {
  const window = windowOf(node, of(1).shape);
  const groups = intAttribute(node, "group", 1);
  const x = channelsLast(padded(tf, of(0), window, 0));
  const kernel = dilated(tf, of(1).transpose([2, 3, 1, 0]), window);
  const [inputs, outputs] = [(of(0).shape[1] ?? 0) / groups, (of(1).shape[0] ?? 0) / groups];
  const strides: [number, number] = [...window.strides];
  const parts = Array.from({ length: groups }, (_, group) => {
    const own = groups === 1 ? x : x.slice([0, 0, 0, group * inputs], [-1, -1, -1, inputs]);
    const taps = groups === 1 ? kernel : kernel.slice([0, 0, 0, group * outputs], [-1, -1, -1, outputs]);
    return tf.conv2d(own, taps, strides, "valid");
  });
  const y = channelsFirst(tf.concat(parts, 3));
  return node.input.length > 2 ? y.add(of(2).reshape([1, -1, 1, 1])) : y;
}

function dilated(tf: TF, kernel: Tensor, { dilations }: Window): Tensor4D {
  const [rows = 0, columns = 0, inputs = 0, outputs = 0] = kernel.shape;
  if (dilations.every((step) => step === 1)) return kernel as Tensor4D;
  const byRow = tf.pad(kernel.reshape([rows, 1, columns * inputs * outputs]), [
    [0, 0],
    [0, dilations[0] - 1],
    [0, 0],
  ]);
  const height = (rows - 1) * dilations[0] + 1;
  const tall = byRow
    .reshape([rows * dilations[0], columns, 1, inputs * outputs])
    .slice([0, 0, 0, 0], [height, -1, -1, -1]);
  const byColumn = tf.pad(tall, [
    [0, 0],
    [0, 0],
    [0, dilations[1] - 1],
    [0, 0],
  ]);
  const width = (columns - 1) * dilations[1] + 1;
  const wide = byColumn
    .reshape([height, columns * dilations[1], inputs, outputs])
    .slice([0, 0, 0, 0], [-1, width, -1, -1]);
  return wide as Tensor4D;
}

const padded = (tf: TF, x: Tensor, { pads }: Window, value: number): Tensor =>
  pads.every((size) => size === 0)
    ? x
    : tf.pad(
        x,
        [
          [0, 0],
          [0, 0],
          [pads[0], pads[2]],
          [pads[1], pads[3]],
        ],
        value,
      );

/** Rounding a size up is padding behind by what the last window lacks. */
function roundedUp(node: NodeProto, x: Tensor, window: Window): Window {
  if (intAttribute(node, "ceil_mode", 0) === 0) return window;
  const { kernel, strides, pads } = window;
  const behind = (axis: 0 | 1): number => {
    const padded = (x.shape[axis + 2] ?? 0) + pads[axis] + pads[axis === 0 ? 2 : 3];
    const lacking = (strides[axis] - ((padded - kernel[axis]) % strides[axis])) % strides[axis];
    return pads[axis === 0 ? 2 : 3] + lacking;
  };
  return { ...window, pads: [pads[0], pads[1], behind(0), behind(1)] };
}

function pooled(tf: TF, x: Tensor, window: Window, kind: "max" | "avg", countPadding: boolean): Tensor {
  const pool = (values: Tensor, outside: number): Tensor =>
    channelsFirst(
      tf.pool(channelsLast(padded(tf, values, window, outside)), [...window.kernel], kind, "valid", 1, [
        ...window.strides,
      ]),
    );
  if (kind === "max") return pool(x, -1e30);
  const means = pool(x, 0);
  return countPadding ? means : means.div(pool(tf.onesLike(x), 0));
}

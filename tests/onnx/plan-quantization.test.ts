import { expect, test } from "vitest";
import { indexGraph } from "../../src/onnx/graph.ts";
import type { Model } from "../../src/onnx/model-file.ts";
import { planQuantization, type QuantizationTarget } from "../../src/onnx/quantize/plan-quantization.ts";
import { quantizeModel } from "../../src/onnx/quantize/quantize-model.ts";
import { floatData, tensorData } from "../../src/onnx/tensor.ts";
import { NetworkBuilder } from "./network-builder.ts";
import { operatorsOf } from "./same-results.ts";

const everything = (target: QuantizationTarget) => ({ keepFloat: () => false, target });
const plan = (model: Model, target: QuantizationTarget) =>
  planQuantization(model.graph, indexGraph(model.graph), everything(target));

/** conv -> relu -> [conv, identity] -> Add -> relu -> pool to one value a channel. */
function residual(): Model {
  const network = new NetworkBuilder();
  const start = network.node("Relu", [network.conv(network.input(["N", 2, 4, 4]), 2, {}, "start")], {}, "start_out");
  const inner = network.conv(start, 2, { kernel: 3 }, "inner");
  const sum = network.node("Relu", [network.node("Add", [inner, start], {}, "sum")], {}, "sum_out");
  return network.output(network.node("GlobalAveragePool", [sum], {}, "pooled"), ["N", 2, 1, 1]);
}

test("a CPU rounds every tensor of a residual block, folds its Relus and leaves the embedding alone", () => {
  const { activations, folded, layers } = plan(residual(), "cpu");
  expect(activations).toEqual(["x", "start_out", "inner", "sum_out"]);
  expect(folded.map(({ output }) => output[0])).toEqual(["start_out", "sum_out"]);
  expect(layers.map(({ node }) => node.output[0])).toEqual(["start", "inner"]);
});

test("TensorRT rounds what layers read and the shortcut, not what is fused into the sum", () => {
  const { activations, folded } = plan(residual(), "tensorrt");
  expect(activations).toEqual(["x", "start_out"]);
  expect(folded).toEqual([]);
});

test("a shortcut that is a layer of its own is rounded for TensorRT, the last layer before the sum is not", () => {
  const network = new NetworkBuilder();
  const x = network.input(["N", 2, 4, 4]);
  const shortcut = network.conv(x, 2, {}, "shortcut");
  const main = network.conv(x, 2, {}, "main");
  const model = network.output(network.node("Add", [shortcut, main], {}, "sum"), ["N", 2, 4, 4]);
  expect(plan(model, "tensorrt").activations).toEqual(["x", "shortcut"]);
});

test("MaxPool and Flatten keep their input's scale, Concat and Gemm have their own", () => {
  const network = new NetworkBuilder();
  const left = network.conv(network.input(["N", 2, 4, 4]), 2, {}, "left");
  const pooled = network.node("MaxPool", [left], { kernel_shape: { ints: [4, 4] } }, "pooled");
  const right = network.node("GlobalAveragePool", [network.conv("x", 2, {}, "right")], {}, "averaged");
  const joined = network.node("Concat", [pooled, right], { axis: { int: 1 } }, "joined");
  const flat = network.node("Flatten", [joined], {}, "flat");
  network.constant("dense.weight", [3, 4], new Float32Array(12));
  const dense = network.node("Gemm", [flat, "dense.weight"], { transB: { int: 1 } }, "dense");
  const model = network.output(dense, ["N", 3]);
  const { activations, sharedWith } = plan(model, "cpu");
  expect(activations).toEqual(["x", "left", "right", "averaged", "joined", "dense"]);
  expect([...sharedWith]).toEqual([
    ["pooled", "left"],
    ["flat", "joined"],
  ]);
  expect(plan(model, "tensorrt").activations).toEqual(["x", "flat"]);
});

test("HardSwish stays float32 between rounded tensors, a gate multiplies in integers", () => {
  const network = new NetworkBuilder();
  const swished = network.node("HardSwish", [network.conv(network.input(["N", 2, 4, 4]), 2, {}, "first")], {}, "swish");
  const squeezed = network.node("GlobalAveragePool", [network.conv(swished, 2, {}, "second")], {}, "squeezed");
  const gate = network.node("Sigmoid", [network.conv(squeezed, 2, {}, "excite")], {}, "gate");
  const model = network.output(network.node("Mul", ["second", gate], {}, "scaled"), ["N", 2, 4, 4]);
  expect(plan(model, "cpu").activations).toEqual([
    "x",
    "first",
    "swish",
    "second",
    "squeezed",
    "excite",
    "gate",
    "scaled",
  ]);
  expect(plan(model, "tensorrt").activations).toEqual(["x", "swish", "second", "squeezed"]);
});

test("a Clip that leaves zero out, or that others look past, is kept", () => {
  const network = new NetworkBuilder();
  const first = network.conv(network.input(["N", 2, 4, 4]), 2, {}, "first");
  network.constant("one", [], Float32Array.of(1));
  network.constant("six", [], Float32Array.of(6));
  const clipped = network.node("Clip", [first, "one", "six"], {}, "clipped");
  const second = network.conv(clipped, 2, {}, "second");
  const rectified = network.node("Relu", [second], {}, "rectified");
  const model = network.output(network.node("Add", [second, rectified], {}, "sum"), ["N", 2, 4, 4]);
  const { activations, folded } = plan(model, "cpu");
  expect(folded).toEqual([]);
  expect(activations).toEqual(["x", "first", "clipped", "second", "rectified", "sum"]);
});

test("the integers of a layer are those computed by hand", () => {
  const network = new NetworkBuilder();
  network.input(["N", 1, 1, 1]);
  network.constant("w", [2, 1, 1, 1], Float32Array.of(0.5, -2));
  network.constant("b", [2], Float32Array.of(0.25, 1));
  const model = network.output(network.node("Conv", ["x", "w", "b"], {}, "y"), ["N", 2, 1, 1]);
  const ranges = new Map([
    ["x", { min: -1, max: 1.55 }],
    ["y", { min: -4, max: 6.2 }],
  ]);
  const stored = (quantized: Model, name: string): number[] => {
    const tensor = quantized.graph.initializer.find((candidate) => candidate.name === name);
    return tensor === undefined ? [] : Array.from(tensorData(tensor), Number);
  };
  const cpu = quantizeModel(model, ranges, everything("cpu"));
  // x: 2.55 / 255 = 0.01, zero at 100; y: 10.2 / 255 = 0.04, zero at 100; biases in steps of 0.01 * scale.
  expect(stored(cpu, "x.zero_point")).toEqual([100]);
  expect(stored(cpu, "y.zero_point")).toEqual([100]);
  expect(stored(cpu, "y.weight.quantized")).toEqual([127, -127]);
  expect(stored(cpu, "y.bias.quantized")).toEqual([
    Math.round(0.25 / (0.01 * (0.5 / 127))),
    Math.round(1 / (0.01 * (2 / 127))),
  ]);
  const tensorRt = quantizeModel(model, ranges, everything("tensorrt"));
  expect(stored(tensorRt, "x.zero_point")).toEqual([0]);
  expect(stored(tensorRt, "x.scale")[0]).toBeCloseTo(1.55 / 127, 7);
  expect(stored(tensorRt, "y.weight.quantized")).toEqual([127, -127]);
  const bias = tensorRt.graph.initializer.find(({ name }) => name === "b");
  expect(bias === undefined ? undefined : [...floatData(bias)]).toEqual([0.25, 1]);
  expect(operatorsOf(tensorRt).filter((type) => type === "QuantizeLinear")).toHaveLength(1);
});

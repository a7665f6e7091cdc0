import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { indexGraph } from "../../src/onnx/graph.ts";
import { encodeModel, type Model } from "../../src/onnx/model-file.ts";
import { observeRanges, widenRanges } from "../../src/onnx/quantize/observe-ranges.ts";
import { type QuantizationTarget, tensorsToObserve } from "../../src/onnx/quantize/plan-quantization.ts";
import type { TensorRange } from "../../src/onnx/quantize/quantization-parameters.ts";
import { quantizeModel } from "../../src/onnx/quantize/quantize-model.ts";
import { elementCount } from "../../src/onnx/tensor.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { NetworkBuilder } from "./network-builder.ts";
import { mobileNet, resNet } from "./small-networks.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

const SHAPE = [4, 3, 24, 24] as const;

/** Squeeze-and-excitation, dense layers, averages and a concatenation: every op the other networks lack. */
function everyOperator(network: NetworkBuilder): string {
  const x = network.relu(network.conv(network.input(["N", 3, "H", "W"]), 8, { kernel: 3, stride: 2 }));
  const squeezed = network.relu(network.conv(network.node("GlobalAveragePool", [x]), 4));
  const gated = network.node("Mul", [x, network.node("Sigmoid", [network.conv(squeezed, 8)])]);
  const hard = network.node("Mul", [gated, network.node("HardSigmoid", [network.conv(gated, 8)])]);
  const shrunk = network.node("AveragePool", [hard], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } });
  const largest = network.node("MaxPool", [hard], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } });
  const joined = network.node("Concat", [shrunk, largest], { axis: { int: 1 } });
  network.constant(
    "mix.weight",
    [8, 16, 1, 1],
    Float32Array.from({ length: 128 }, (_, index) => Math.sin(index)),
  );
  const mixed = network.node("Conv", [joined, "mix.weight"], { kernel_shape: { ints: [1, 1] } }, "mix");
  network.stored("shift", [1, 8, 1, 1]);
  const shifted = network.relu6(network.node("Add", [mixed, "shift"]));
  const flat = network.node("Flatten", [network.node("GlobalAveragePool", [shifted])]);
  network.stored("dense.weight", [8, 8]);
  return network.node("Gemm", [network.gemm(flat, 8), "dense.weight"], {}, "features");
}

const NETWORKS = { mobileNet, resNet, everyOperator };

function inputs(seed: number): { name: string; type: "float32"; data: Float32Array; dims: readonly number[] } {
  const random = seededRandom(seed);
  const data = Float32Array.from({ length: elementCount(SHAPE) }, () => random() * 2 - 1);
  return { name: "x", type: "float32", data, dims: SHAPE };
}

async function rangesOf(model: Model): Promise<Map<string, TensorRange>> {
  const tensors = tensorsToObserve(model.graph, indexGraph(model.graph), () => false);
  const observed = observeRanges(model, tensors);
  await runtime.load(encodeModel(observed.model));
  const ranges = new Map<string, TensorRange>();
  for (const seed of [1, 2, 3]) widenRanges(ranges, tensors, await runtime.run([inputs(seed)], observed.outputs));
  return ranges;
}

async function features(model: Model): Promise<Float32Array> {
  await runtime.load(encodeModel(model));
  const [output = new Float32Array()] = await runtime.run([inputs(9)], ["features"]);
  return output;
}

function relativeError(exact: Float32Array, given: Float32Array): number {
  const noise = exact.reduce((sum, value, index) => sum + (value - (given[index] ?? NaN)) ** 2, 0);
  return Math.sqrt(noise / exact.reduce((sum, value) => sum + value ** 2, 0));
}

describe.for(Object.entries(NETWORKS))("%s in int8", ([, build]) => {
  const network = new NetworkBuilder(4);
  const float = network.output(build(network), ["N", 8]);

  // uint8 leaves about 1 / 255 of the range a tensor, int8 around 0 twice that behind a Relu.
  test.for([
    ["cpu", 0.03],
    ["tensorrt", 0.05],
  ] as const)("gives what float32 gives, for %s, within %f", async ([target, bound]) => {
    const ranges = await rangesOf(float);
    const int8 = quantizeModel(float, ranges, { keepFloat: () => false, target });
    const error = relativeError(await features(float), await features(int8));
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(bound);
  });

  test("is the same file every time", async () => {
    const bytes = async (target: QuantizationTarget): Promise<Uint8Array> =>
      encodeModel(quantizeModel(float, await rangesOf(float), { keepFloat: () => false, target }));
    expect(await bytes("cpu")).toEqual(await bytes("cpu"));
  });
});

test("an old operator set is refused with what to do", () => {
  const network = new NetworkBuilder(1, 11);
  const model = network.output(network.conv(network.input(["N", 3, "H", "W"]), 2), ["N", 2, "H", "W"]);
  expect(() => quantizeModel(model, new Map(), { keepFloat: () => false, target: "cpu" })).toThrow("operator set 11");
});

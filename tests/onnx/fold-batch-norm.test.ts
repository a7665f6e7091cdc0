import { afterAll, beforeAll, expect, test } from "vitest";
import { foldBatchNorm } from "../../src/onnx/fold-batch-norm.ts";
import { encodeModel, type Model } from "../../src/onnx/model-file.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { NetworkBuilder } from "./network-builder.ts";
import { expectSameResults, operatorsOf } from "./same-results.ts";
import { mobileNet, resNet } from "./small-networks.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

const SHAPE = [2, 3, 16, 16];

function networkOf(build: (network: NetworkBuilder) => string): Model {
  const network = new NetworkBuilder(5, 13);
  return network.output(build(network), []);
}

test.each([
  ["MobileNet", mobileNet],
  ["ResNet", resNet],
])("a small %s gives the same features with its normalisations folded", async (_, build) => {
  const network = new NetworkBuilder(5, 14);
  const model = network.output(build(network, true), ["N", 8]);
  const folded = foldBatchNorm(model);
  expect(operatorsOf(model)).toContain("BatchNormalization");
  expect(operatorsOf(folded)).not.toContain("BatchNormalization");
  expect(folded.graph.node.filter(({ opType }) => opType === "Conv").every(({ input }) => input.length === 3)).toBe(
    true,
  );
  expect(folded.graph.initializer.map(({ name }) => name)).toContain("stem.bias");
  await expectSameResults(runtime, model, folded, SHAPE);
});

test("a bias that is there already is scaled and shifted", async () => {
  const model = networkOf((network) =>
    network.batchNorm(network.conv(network.input(["N", 3, "H", "W"]), 4, { kernel: 3 })),
  );
  const folded = foldBatchNorm(model);
  expect(operatorsOf(folded)).toEqual(["Conv"]);
  expect(folded.graph.initializer).toHaveLength(2);
  await expectSameResults(runtime, model, folded, SHAPE);
});

test("a normalisation that follows no convolution of its own becomes a depthwise one", async () => {
  const model = networkOf((network) => {
    const shared = network.conv(network.input(["N", 3, "H", "W"]), 4, { kernel: 3 });
    const sum = network.node("Add", [network.batchNorm(shared), network.relu(shared)]);
    return network.batchNorm(network.node("MaxPool", [sum], { kernel_shape: { ints: [2, 2] } }));
  });
  const folded = foldBatchNorm(model);
  expect(operatorsOf(folded)).toEqual(["Conv", "Conv", "Relu", "Add", "MaxPool", "Conv"]);
  await expectSameResults(runtime, model, folded, SHAPE);
});

test("two convolutions with one weight are folded each for itself", async () => {
  const model = networkOf((network) => {
    const x = network.input(["N", 3, "H", "W"]);
    const weight = network.stored("weight", [3, 3, 1, 1]);
    const first = network.batchNorm(network.node("Conv", [x, weight]), "first");
    return network.batchNorm(network.node("Conv", [first, weight]), "second");
  });
  const folded = foldBatchNorm(model);
  expect(operatorsOf(folded)).toEqual(["Conv", "Conv"]);
  await expectSameResults(runtime, model, folded, SHAPE);
});

test("Dropout and Identity are taken out, and a graph output keeps its name", async () => {
  const model = networkOf((network) => {
    const x = network.node("Identity", [network.input(["N", 3, "H", "W"])]);
    const features = network.relu(network.node("Dropout", [network.conv(x, 4)]));
    return network.node("Dropout", [network.node("Identity", [features])], {}, "result");
  });
  const folded = foldBatchNorm(model);
  expect(operatorsOf(folded)).toEqual(["Conv", "Relu"]);
  await expectSameResults(runtime, model, folded, SHAPE);
});

test("a normalisation in training mode is refused by its name, and the caller's model stays as it was", () => {
  const model = networkOf((network) => network.batchNorm(network.conv(network.input(["N", 3, 4, 4]), 4), "norm"));
  const before = encodeModel(model);
  foldBatchNorm(model);
  expect(Buffer.from(encodeModel(model)).equals(Buffer.from(before))).toBe(true);
  const inTraining = networkOf((network) => {
    const x = network.conv(network.input(["N", 3, 4, 4]), 4);
    const values = ["a", "b", "c", "d"].map((name) => network.stored(name, [4], 0.5, 1));
    return network.node("BatchNormalization", [x, ...values], { training_mode: { int: 1 } }, "norm");
  });
  expect(() => foldBatchNorm(inTraining)).toThrow("norm.node (BatchNormalization) was exported for training");
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { trainingGraph } from "../../../src/onnx/gradient/training-graph.ts";
import { OnnxProcess } from "../../../src/training/onnx-process.ts";
import { HEATMAP, LOGITS } from "../../../src/training/model-names.ts";
import { addTopLogits } from "../../../src/training/top-cells.ts";
import { NetworkBuilder } from "../network-builder.ts";
import { mobileNet, resNet } from "../small-networks.ts";
import { checkGradients } from "./gradient-case.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

/** Some of the many activations cross a kink within a step, so the step is short and the tolerance wider. */
const WITH_KINKS = { step: 2e-3, tolerance: 0.03 };

const parametersOf = ({ graph }: { graph: { initializer: readonly { name: string }[] } }): string[] =>
  graph.initializer.map(({ name }) => name).filter((name) => /weight|bias/.test(name));

test("every weight of a small MobileNet gets its gradient", async () => {
  const network = new NetworkBuilder(4);
  const features = mobileNet(network);
  const scores = network.gemm(features, 4, "head");
  const model = network.output(scores, []);
  await checkGradients(runtime, {
    ...WITH_KINKS,
    model,
    input: "x",
    inputShape: [3, 3, 16, 16],
    trained: parametersOf(model),
    losses: [scores],
  });
});

test("layers of whole channel blocks get theirs beside others, through activations, a shortcut and a gate", async () => {
  const network = new NetworkBuilder(4);
  const x = network.input(["N", 3, 10, 10]);
  const stem = network.relu(network.conv(x, 16, { kernel: 3, stride: 2 }, "stem"));
  const depthwise = network.conv(stem, 16, { kernel: 3, group: 16 }, "depthwise");
  const swish = network.node("HardSwish", [network.conv(depthwise, 16, {}, "pointwise")]);
  const shortcut = network.node("Add", [stem, swish]);
  const squeezed = network.relu(network.conv(network.node("GlobalAveragePool", [shortcut]), 6, {}, "squeeze"));
  const gate = network.node("HardSigmoid", [network.conv(squeezed, 16, {}, "excite")]);
  const odd = network.relu(network.conv(network.node("Mul", [shortcut, gate]), 10, {}, "odd"));
  const last = network.relu(network.conv(odd, 32, { kernel: 3 }, "last"));
  const flat = network.node("Flatten", [network.node("GlobalAveragePool", [last])]);
  const scores = network.gemm(flat, 4, "head");
  const model = network.output(scores, []);
  const inputShape = [3, 3, 10, 10];
  const trained = parametersOf(model);
  await checkGradients(runtime, { ...WITH_KINKS, model, input: "x", inputShape, trained, losses: [scores] });
});

test("every weight of a small ResNet gets its gradient, through its shortcuts and its max-pooled stem", async () => {
  const network = new NetworkBuilder(4);
  const scores = network.gemm(resNet(network), 4, "head");
  const model = network.output(scores, []);
  await checkGradients(runtime, {
    ...WITH_KINKS,
    model,
    input: "x",
    inputShape: [2, 3, 20, 20],
    trained: parametersOf(model),
    losses: [scores],
  });
});

test("the last layers alone train from a tensor within the network", async () => {
  const network = new NetworkBuilder(4);
  const scores = network.gemm(mobileNet(network), 4, "head");
  const model = network.output(scores, []);
  const trained = parametersOf(model).filter((name) => /^(block2|head)/.test(name));
  const input = model.graph.node.find(({ input: [, weight] }) => weight === "block2.depthwise.weight")?.input[0] ?? "";
  await checkGradients(runtime, { ...WITH_KINKS, model, input, inputShape: [3, 8, 8, 8], trained, losses: [scores] });
});

test("two losses at once, one of them at every place of a map, add their gradients", async () => {
  const network = new NetworkBuilder(4);
  const x = network.input(["N", 3, 6, 6]);
  const features = network.node("Sigmoid", [network.conv(x, 4, { kernel: 3 }, "first")]);
  const map = network.conv(features, 3, {}, "map");
  const scores = network.gemm(network.node("Flatten", [network.node("GlobalAveragePool", [features])]), 3, "head");
  const model = network.output(scores, []);
  const trained = ["first.weight", "first.bias", "map.weight", "map.bias", "head.weight", "head.bias"];
  await checkGradients(runtime, { model, input: x, inputShape: [2, 3, 6, 6], trained, losses: [scores, map] });
});

test("a head of its greatest margins passes the gradient to the places they came from, beside a loss at every place", async () => {
  const network = new NetworkBuilder(4);
  const x = network.input(["N", 3, 6, 6]);
  const features = network.node("Sigmoid", [network.conv(x, 4, { kernel: 3 }, "first")]);
  const map = network.conv(features, 3, {}, "map");
  const model = network.output(network.node("Identity", [map], {}, HEATMAP), []);
  addTopLogits(model.graph, 3, { count: 4, good: [1] });
  const trained = ["first.weight", "first.bias", "map.weight", "map.bias"];
  const losses = [LOGITS, HEATMAP];
  await checkGradients(runtime, { ...WITH_KINKS, model, input: x, inputShape: [2, 3, 6, 6], trained, losses });
});

test("a loss within the network, behind which it goes on to another, counts both", async () => {
  const network = new NetworkBuilder(4);
  const x = network.input(["N", 3, 4, 4]);
  const map = network.conv(x, 3, { kernel: 3 }, "first");
  const scores = network.node("Flatten", [network.node("GlobalAveragePool", [network.node("Sigmoid", [map])])]);
  const model = network.output(scores, []);
  const trained = ["first.weight", "first.bias"];
  await checkGradients(runtime, { model, input: x, inputShape: [2, 3, 4, 4], trained, losses: [scores, map] });
});

test("a parameter shared by two layers gets the sum of their gradients", async () => {
  const network = new NetworkBuilder(4);
  const x = network.input(["N", 4, 5, 5]);
  const weight = network.stored("weight", [4, 4, 3, 3], -0.4, 0.4);
  const pads = { pads: { ints: [1, 1, 1, 1] } };
  const first = network.node("Sigmoid", [network.node("Conv", [x, weight], pads)]);
  const scores = network.node("Conv", [first, weight], pads);
  const model = network.output(scores, []);
  await checkGradients(runtime, { model, input: x, inputShape: [2, 4, 5, 5], trained: [weight], losses: [scores] });
});

test("a layer that cannot be trained through is refused by its name", () => {
  const network = new NetworkBuilder(4);
  const x = network.input(["N", 4, 5, 5]);
  const scores = network.node("Softplus", [network.conv(x, 3, {}, "first")]);
  const model = network.output(scores, []);
  const losses = [{ logits: scores, targets: "targets" }];
  const plan = { input: x, inputShape: [1, 4, 5, 5], trained: ["first.weight"], losses };
  expect(() => trainingGraph(model, plan)).toThrow(`${scores}.node is a Softplus`);
});

test("a parameter no loss depends on is refused", () => {
  const network = new NetworkBuilder(4);
  const x = network.input(["N", 4, 5, 5]);
  const scores = network.conv(x, 3, {}, "first");
  network.conv(x, 3, {}, "aside");
  const model = network.output(scores, []);
  const losses = [{ logits: scores, targets: "targets" }];
  const plan = { input: x, inputShape: [1, 4, 5, 5], trained: ["first.weight", "aside.weight"], losses };
  expect(() => trainingGraph(model, plan)).toThrow("aside.weight");
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { mergePads } from "../../src/onnx/merge-pads.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { NetworkBuilder } from "./network-builder.ts";
import { expectSameResults, operatorsOf } from "./same-results.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

const SHAPE = [2, 3, 9, 8];
const window = { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] } };

function padded(network: NetworkBuilder, x: string, pads: readonly number[], opset: number, value?: number): string {
  if (opset < 11) return network.node("Pad", [x], { pads: { ints: pads } });
  const stored = network.constant("pads", [8], BigInt64Array.from(pads, BigInt));
  const values = value === undefined ? [] : [network.constant("value", [], Float32Array.of(value))];
  return network.node("Pad", [x, stored, ...values]);
}

test.each([9, 13])("zeros around a map become the pads of what reads it, in opset %i", async (opset) => {
  const network = new NetworkBuilder(2, opset);
  const x = padded(network, network.input(["N", 3, "H", "W"]), [0, 0, 0, 1, 0, 0, 2, 1], opset);
  const convolved = network.conv(x, 4, { kernel: 3, stride: 2, pads: [1, 0, 0, 1] }, "conv");
  const averaged = network.node("AveragePool", [x], {
    ...window,
    pads: { ints: [1, 0, 0, 1] },
    count_include_pad: { int: 1 },
  });
  const weighed = network.conv(averaged, 4, {}, "weigh");
  const model = network.output(network.node("Add", [convolved, weighed]), []);
  const merged = mergePads(model);
  expect(operatorsOf(merged)).toEqual(["Conv", "AveragePool", "Conv", "Add"]);
  await expectSameResults(runtime, model, merged, SHAPE);
});

test("an average without pads of its own counts the zeros it is given", async () => {
  const network = new NetworkBuilder(2, 13);
  const x = padded(network, network.input(["N", 3, "H", "W"]), [0, 0, 1, 1, 0, 0, 1, 1], 13, 0);
  const model = network.output(network.node("AveragePool", [x], window), []);
  const merged = mergePads(model);
  expect(operatorsOf(merged)).toEqual(["AveragePool"]);
  await expectSameResults(runtime, model, merged, SHAPE);
});

test("pads of no width vanish, whatever reads them", async () => {
  const network = new NetworkBuilder(2, 13);
  const model = network.output(
    network.relu(padded(network, network.input(["N", 3, "H", "W"]), [0, 0, 0, 0, 0, 0, 0, 0], 13)),
    [],
  );
  const merged = mergePads(model);
  expect(operatorsOf(merged)).toEqual(["Relu"]);
  await expectSameResults(runtime, model, merged, SHAPE);
});

test("pads that are no zeros around a map for a convolution or average stay", () => {
  const ones = [0, 0, 1, 1, 0, 0, 1, 1];
  const stays = (
    pads: readonly number[],
    value: number,
    read: (network: NetworkBuilder, x: string) => string,
  ): void => {
    const network = new NetworkBuilder(2, 13);
    const x = padded(network, network.input(["N", 3, "H", "W"]), pads, 13, value);
    expect(operatorsOf(mergePads(network.output(read(network, x), [])))).toContain("Pad");
  };
  const pooled = (opType: string) => (network: NetworkBuilder, x: string) => network.node(opType, [x], window);
  stays(ones, 0, pooled("MaxPool"));
  stays(ones, 1, pooled("AveragePool"));
  stays([0, 1, 1, 1, 0, 1, 1, 1], 0, pooled("AveragePool"));
  stays(ones, 0, (network, x) => network.node("AveragePool", [x], { ...window, pads: { ints: [1, 1, 1, 1] } }));
  stays(ones, 0, (network, x) => network.relu(x));
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { indexGraph } from "../../src/onnx/graph.ts";
import { equalizeChannels, layerPairs } from "../../src/onnx/quantize/equalize-channels.ts";
import { observeChannels } from "../../src/onnx/quantize/observe-values.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { NetworkBuilder } from "./network-builder.ts";
import { expectSameResults, resultOf } from "./same-results.ts";
import { mobileNet, resNet } from "./small-networks.ts";

const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

const keepNothing = (): boolean => false;
const SHAPE = [2, 3, 24, 24];

test("pairs are layers with at most a Relu or Clip between them that nobody else reads", () => {
  const mobile = new NetworkBuilder();
  const model = mobile.output(mobileNet(mobile), ["N", 8]);
  const pairs = layerPairs(model.graph, indexGraph(model.graph), keepNothing);
  expect(pairs.map(({ second }) => second.node.output[0])).toEqual([
    "block1.depthwise",
    "block1.pointwise",
    "block2.depthwise",
    "block2.pointwise",
  ]);
  const residual = new NetworkBuilder();
  const { graph } = residual.output(resNet(residual), ["N", 8]);
  expect(layerPairs(graph, indexGraph(graph), keepNothing).map(({ second }) => second.node.output[0])).toEqual([
    "block1.second",
    "block2.second",
  ]);
  expect(layerPairs(graph, indexGraph(graph), (name) => name.startsWith("block1"))).toHaveLength(1);
});

test("equalised channels leave the float32 result as it was and use the range they share", async () => {
  const network = new NetworkBuilder(6);
  const model = network.output(mobileNet(network), ["N", 8]);
  const maxima = new Map<string, Float32Array>();
  for (const { tensor } of layerPairs(model.graph, indexGraph(model.graph), keepNothing)) {
    maxima.set(tensor, await channelMaxima(model, tensor));
  }
  const equalized = equalizeChannels(model, keepNothing, maxima);
  await expectSameResults(runtime, model, equalized, SHAPE);
  const [first] = maxima.keys();
  const spread = (values: Float32Array): number => Math.min(...values) / Math.max(...values);
  const before = spread(maxima.get(first ?? "") ?? new Float32Array());
  expect(spread(await channelMaxima(equalized, first ?? ""))).toBeGreaterThan(before);
});

test("a channel that was never active stays as it is", async () => {
  const network = new NetworkBuilder(6);
  const model = network.output(mobileNet(network), ["N", 8]);
  const [pair] = layerPairs(model.graph, indexGraph(model.graph), keepNothing);
  const equalized = equalizeChannels(model, keepNothing, new Map([[pair?.tensor ?? "", new Float32Array(6)]]));
  await expectSameResults(runtime, model, equalized, SHAPE);
});

async function channelMaxima(model: Parameters<typeof resultOf>[1], tensor: string): Promise<Float32Array> {
  const observed = observeChannels(model, [tensor], "largest");
  const perFrame = await resultOf(runtime, observed.model, SHAPE);
  const channels = perFrame.length / (SHAPE[0] ?? 1);
  return Float32Array.from({ length: channels }, (_, channel) =>
    Math.max(perFrame[channel] ?? 0, perFrame[channels + channel] ?? 0),
  );
}

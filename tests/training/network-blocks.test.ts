import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { segmentsBetween } from "../../src/onnx/articulations.ts";
import { decodeModel, type Model } from "../../src/onnx/model-file.ts";
import { deviceGraph, SYMMETRIC_INPUT } from "../../src/training/device-graph.ts";
import { networkBlocks, parseLayers, trainedFrom } from "../../src/training/network-blocks.ts";
import { NetworkBuilder } from "../onnx/network-builder.ts";
import { mobileNet, resNet } from "../onnx/small-networks.ts";

const BACKBONE = "../shared/data/backbone/mobilenet_v1_1.0_imagenet_to_conv_pw_12.onnx";
const size = { widthPx: 32, heightPx: 32, ...SYMMETRIC_INPUT };

function deviceGraphOf(build: (network: NetworkBuilder) => string): Model {
  const network = new NetworkBuilder(2);
  return deviceGraph(network.output(build(network), ["N", 8]), size);
}

test("a MobileNet has a block for its first convolution and one for each depthwise and pointwise pair", () => {
  const model = deviceGraphOf(mobileNet);
  const blocks = networkBlocks(model);
  expect(blocks.map(({ label }) => label)).toEqual([
    "stem",
    "block1.depthwise to block1.pointwise",
    "block2.depthwise to block2.pointwise",
  ]);
  expect(blocks[2]?.parameters).toEqual([
    "block2.depthwise.weight",
    "block2.depthwise.bias",
    "block2.pointwise.weight",
    "block2.pointwise.bias",
  ]);
  expect(blocks[0]?.input).toBe("x");
});

test("a residual block is one block, its projection included, and a pooled stem is another", () => {
  const blocks = networkBlocks(deviceGraphOf(resNet));
  expect(blocks.map(({ label }) => label)).toEqual([
    "stem",
    "block1.first to block1.second",
    "block2.first to block2.shortcut",
  ]);
  expect(blocks[1]?.input).toMatch(/^maxpool/);
});

test("squeeze and excite belongs to the block whose map it weighs", () => {
  const blocks = networkBlocks(
    deviceGraphOf((network) => {
      let x = network.relu(network.conv(network.input(["N", 3, "H", "W"]), 4, { kernel: 3 }, "stem"));
      x = network.relu(network.conv(x, 8, { kernel: 3 }, "body"));
      const squeezed = network.relu(network.conv(network.node("GlobalAveragePool", [x]), 2, {}, "squeeze"));
      x = network.node("Mul", [x, network.node("Sigmoid", [network.conv(squeezed, 8, {}, "excite")])]);
      return network.node("Flatten", [network.node("GlobalAveragePool", [x])]);
    }),
  );
  expect(blocks.map(({ label }) => label)).toEqual(["stem", "body to excite"]);
});

test("only tensors that every path passes through end a segment", () => {
  const network = new NetworkBuilder(2);
  const x = network.input(["N", 3, 8, 8]);
  const left = network.relu(x);
  const right = network.node("Sigmoid", [x]);
  const sum = network.node("Add", [left, right]);
  const skipped = network.node("Mul", [network.relu(sum), sum]);
  network.relu(left);
  const { graph } = network.output(skipped, []);
  expect(segmentsBetween(graph, x, skipped).map(({ input, output }) => [input, output])).toEqual([
    [x, sum],
    [sum, skipped],
  ]);
  expect(() => segmentsBetween(graph, skipped, x)).toThrow("no path");
});

test.skipIf(!existsSync(BACKBONE))(
  "the ImageNet backbone has 13 blocks, and last:6 begins at conv_dw_7 (skipped without ../shared/data)",
  () => {
    const blocks = networkBlocks(deviceGraph(decodeModel(readFileSync(BACKBONE)), size));
    expect(blocks).toHaveLength(13);
    expect(blocks.every(({ parameters }) => parameters.length === 4 || parameters.length === 2)).toBe(true);
    const { parameters } = trainedFrom(blocks, parseLayers("last:6"));
    expect(parameters[0]).toBe("conv_dw_7.weight");
    expect(parameters).toHaveLength(24);
    expect(parameters).toContain("conv_pw_12.weight");
  },
);

test("--layers is head, last:N, gradual or all, and anything else is told so", () => {
  expect(parseLayers("head")).toEqual({ kind: "head" });
  expect(parseLayers("last:6")).toEqual({ kind: "last", count: 6 });
  expect(parseLayers("gradual")).toEqual({ kind: "gradual" });
  expect(parseLayers("all")).toEqual({ kind: "all" });
  for (const text of ["last", "last:", "last:0", "last:-1", "last:2.5", "everything", ""]) {
    expect(() => parseLayers(text)).toThrow("use head, last:N");
  }
});

test("training begins at the first trained block and takes all behind it", () => {
  const blocks = networkBlocks(deviceGraphOf(resNet));
  expect(trainedFrom(blocks, { kind: "head" })).toEqual({ input: "embedding", parameters: [] });
  expect(trainedFrom(blocks, { kind: "last", count: 1 }).parameters).toHaveLength(6);
  expect(trainedFrom(blocks, { kind: "all" })).toEqual(trainedFrom(blocks, { kind: "last", count: 3 }));
  expect(trainedFrom(blocks, { kind: "gradual" })).toEqual(trainedFrom(blocks, { kind: "all" }));
  expect(() => trainedFrom(blocks, { kind: "last", count: 4 })).toThrow("the base has 3 blocks");
});

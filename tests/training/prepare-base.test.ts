import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeModel, type Model, opsetVersion } from "../../src/onnx/model-file.ts";
import { tensorSignature } from "../../src/onnx/value-info.ts";
import { loadBase } from "../../src/training/base-model.ts";
import { totalStride } from "../../src/training/check-base-size.ts";
import { deviceGraph, foldInputScale, withInputStage } from "../../src/training/device-graph.ts";
import {
  IMAGENET_INPUT,
  type InputNormalisation,
  parseNormalisation,
  SYMMETRIC_INPUT,
} from "../../src/training/input-normalisation.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { prepareBase } from "../../src/training/prepare-base.ts";
import { NetworkBuilder } from "../onnx/network-builder.ts";
import { operatorsOf } from "../onnx/same-results.ts";
import { mobileNet, resNet } from "../onnx/small-networks.ts";
import { testPixels } from "./tiny-backbone.ts";

const SIZE_PX = 32;
const size = { widthPx: SIZE_PX, heightPx: SIZE_PX };
const runtime = new OnnxProcess();
const folder = mkdtempSync(join(tmpdir(), "sightline-base-"));
beforeAll(() => runtime.start());
afterAll(async () => {
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
});

function build(make: (network: NetworkBuilder) => string, opset = 14): Model {
  const network = new NetworkBuilder(8, opset);
  return network.output(make(network), ["N", 8]);
}

const pixels = testPixels(2, SIZE_PX, SIZE_PX);

async function embeddingOf(model: Model): Promise<Float32Array> {
  await runtime.load(encodeModel(model));
  const image = { name: "image", type: "uint8", data: pixels, dims: [2, SIZE_PX, SIZE_PX, 3] } as const;
  const [embedding = new Float32Array()] = await runtime.run([image], ["embedding"]);
  return embedding;
}

/** What the network itself makes of pixels normalised by hand. */
async function resultOfPlanes(model: Model, output: string, normalisation: InputNormalisation): Promise<Float32Array> {
  const [means, scales] = [[normalisation.mean].flat(), [normalisation.scale].flat()];
  const area = SIZE_PX * SIZE_PX;
  const planes = new Float32Array(pixels.length);
  pixels.forEach((value, index) => {
    const [item, place, channel] = [Math.floor(index / (area * 3)), Math.floor(index / 3) % area, index % 3];
    const [mean = 0, scale = 1] = [means[channel % means.length], scales[channel % scales.length]];
    planes[(item * 3 + channel) * area + place] = (value - mean) * scale;
  });
  await runtime.load(encodeModel(model));
  const name = model.graph.input[0]?.name ?? "";
  const feeds = [{ name, type: "float32", data: planes, dims: [2, 3, SIZE_PX, SIZE_PX] }] as const;
  const [result = new Float32Array()] = await runtime.run(feeds, [output]);
  return result;
}

function expectEqual(got: Float32Array, wanted: Float32Array): void {
  expect(got.length).toBe(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, index) => expect(Math.abs((got[index] ?? NaN) - value) / largest).toBeLessThan(1e-5));
}

describe("what a base may be", () => {
  const plain = build((network) => resNet(network, true));

  const variants: Readonly<Record<string, (network: NetworkBuilder) => string>> = {
    "an embedding": (network) => resNet(network, true),
    "a classifier of Gemm and Softmax": (network) =>
      network.node("Softmax", [network.gemm(network.node("Dropout", [resNet(network, true)]), 5)]),
    "a classifier of two Gemms": (network) =>
      network.gemm(network.node("HardSwish", [network.gemm(resNet(network, true), 6)]), 5),
    "a feature map": (network) => {
      resNet(network, true);
      network.model.graph.node.splice(-2);
      return network.model.graph.node.at(-1)?.output[0] ?? "";
    },
    "means over height and width": (network) => {
      resNet(network, true);
      const map = network.model.graph.node.splice(-2)[0]?.input[0] ?? "";
      return network.node("ReduceMean", [map], { axes: { ints: [2, 3] }, keepdims: { int: 0 } });
    },
    "a map reshaped to its embedding, with the batch it was exported with": (network) => {
      resNet(network, true);
      network.model.graph.node.pop();
      return network.node("Reshape", ["pooled", network.constant("flat", [2], BigInt64Array.of(2n, -1n))]);
    },
  };
  test.each(Object.entries(variants))("%s gives the embedding of its last map", async (_, make) => {
    const model = build(make);
    const device = deviceGraph(model, { ...size, ...SYMMETRIC_INPUT });
    expect(operatorsOf(device).slice(-2)).toEqual(["GlobalAveragePool", "Flatten"]);
    expect(operatorsOf(device)).not.toContain("BatchNormalization");
    expect(device.graph.output.map(tensorSignature)).toEqual([{ name: "embedding", dataType: 1, shape: ["N", 8] }]);
    expectEqual(await embeddingOf(device), await resultOfPlanes(plain, "features", SYMMETRIC_INPUT));
  });

  test("a pool within the network is not where it ends", async () => {
    const gated = (network: NetworkBuilder): string => {
      const x = network.relu(network.conv(network.input(["N", 3, "H", "W"]), 8, { kernel: 3, stride: 2 }, "stem"));
      const squeezed = network.node("GlobalAveragePool", [x]);
      const flat = network.node("Flatten", [squeezed]);
      const shape = network.constant("map.shape", [4], BigInt64Array.of(2n, 8n, 1n, 1n));
      const gate = network.node("Reshape", [network.node("Sigmoid", [network.gemm(flat, 8, "gate")]), shape]);
      return network.node("Mul", [x, gate]);
    };
    const whole = build((network) => network.node("Flatten", [network.node("GlobalAveragePool", [gated(network)])]));
    const device = deviceGraph(build(gated), { ...size, ...SYMMETRIC_INPUT });
    const output = whole.graph.output[0]?.name ?? "";
    expectEqual(await embeddingOf(device), await resultOfPlanes(whole, output, SYMMETRIC_INPUT));
  });

  test("an old file with fixed sizes, listed weights and constants in nodes is brought into form", async () => {
    const network = new NetworkBuilder(8, 10);
    const x = network.conv(network.input([1, 3, 64, 64], "data"), 8, { kernel: 3 }, "stem");
    const clipped = network.node("Clip", [x], { min: { float: 0 }, max: { float: 6 } });
    const map = network.node("Dropout", [clipped], { ratio: { float: 0.5 } });
    const flat = network.node("Flatten", [network.node("GlobalAveragePool", [map])]);
    network.output(network.node("Softmax", [network.gemm(flat, 5)]), [1, 5]);
    const { model, input, exportedFor } = prepareBase(network.model);
    expect(opsetVersion(model)).toBe(13);
    expect(input).toBe("data");
    expect(exportedFor).toEqual({ widthPx: 64, heightPx: 64 });
    expect(operatorsOf(model)).toEqual(["Conv", "Clip", "GlobalAveragePool", "Flatten"]);
    const device = deviceGraph(network.model, { ...size, ...SYMMETRIC_INPUT });
    expect((await embeddingOf(device)).length).toBe(16);
  });

  test("names the device graph uses for itself give way", async () => {
    const network = new NetworkBuilder(8);
    const x = network.node(
      "Relu",
      [network.conv(network.input(["N", 3, "H", "W"], "image"), 8, {}, "head.map")],
      {},
      "heatmap",
    );
    const model = network.output(
      network.node("Flatten", [network.node("GlobalAveragePool", [x], {}, "input.mean")], {}, "embedding"),
      ["N", 8],
    );
    const device = deviceGraph(model, { ...size, ...SYMMETRIC_INPUT });
    expect(device.graph.initializer.map(({ name }) => name)).toContain("base.head.map.weight");
    expectEqual(await embeddingOf(device), await resultOfPlanes(model, "embedding", SYMMETRIC_INPUT));
  });

  test("what it may not be is said with the node, its operator and what is allowed", () => {
    const refusal = (make: (network: NetworkBuilder) => string) => () =>
      deviceGraph(build(make), { ...size, ...SYMMETRIC_INPUT });
    const map = (network: NetworkBuilder): string => network.conv(network.input(["N", 3, "H", "W"]), 8, {}, "stem");
    expect(refusal((network) => network.node("Softplus", [map(network)], {}, "odd"))).toThrow(
      /node odd\.node is a Softplus, which a base may not hold; it may hold Add, AveragePool, BatchNormalization, Clip, .*Sigmoid/,
    );
    expect(refusal((network) => network.gemm(network.node("Flatten", [map(network)]), 4))).toThrow(
      "the backbone ends in [N,4]",
    );
    expect(
      refusal((network) =>
        network.node("Reshape", [map(network), network.constant("s", [3], BigInt64Array.of(0n, 8n, -1n))], {}, "cut"),
      ),
    ).toThrow("node cut.node (Reshape) does more than flatten");
    expect(
      refusal((network) => network.node("Conv", [map(network), network.node("Relu", ["stem.weight"])], {}, "odd")),
    ).toThrow("node odd.node (Conv) computes its weight");
    expect(refusal((network) => network.relu(network.input(["N", "H", "W", 3])))).toThrow(
      "it has x float [N,H,W,3]; export it with channels first",
    );
    expect(refusal((network) => network.conv(network.input(["N", 1, "H", "W"]), 8))).toThrow(
      "it has x float [N,1,H,W]",
    );
  });
});

describe("what the pixels become", () => {
  const model = build((network) => mobileNet(network, true));

  test("each channel has its own mean and scale, the scale in the first weights or before them", async () => {
    const wanted = await resultOfPlanes(model, "features", IMAGENET_INPUT);
    const unfolded = withInputStage(prepareBase(model), { ...size, ...IMAGENET_INPUT });
    const folded = foldInputScale(unfolded);
    expect(operatorsOf(unfolded).slice(0, 4)).toEqual(["Transpose", "Cast", "Sub", "Mul"]);
    expect(operatorsOf(folded).slice(0, 4)).toEqual(["Transpose", "Cast", "Sub", "Conv"]);
    expectEqual(await embeddingOf(unfolded), wanted);
    expectEqual(await embeddingOf(folded), wanted);
    expect(foldInputScale(folded)).toEqual(folded);
  });

  test("a scale something else than a convolution reads stays before it", async () => {
    const other = build((network) => {
      const x = network.relu(network.input(["N", 3, "H", "W"]));
      const map = network.conv(x, 8, { kernel: 3 });
      return network.node("Flatten", [network.node("GlobalAveragePool", [map])]);
    });
    const device = deviceGraph(other, { ...size, ...IMAGENET_INPUT });
    expect(operatorsOf(device).slice(0, 5)).toEqual(["Transpose", "Cast", "Sub", "Mul", "Relu"]);
    expectEqual(
      await embeddingOf(device),
      await resultOfPlanes(other, other.graph.output[0]?.name ?? "", IMAGENET_INPUT),
    );
  });

  test("--base-mean and --base-scale are read as numbers for one or three channels, and both or none", () => {
    expect(parseNormalisation(undefined, undefined)).toEqual(SYMMETRIC_INPUT);
    expect(parseNormalisation("0", "0.25")).toEqual({ mean: 0, scale: 0.25 });
    expect(parseNormalisation("1, 2,3", "0.1,0.2,0.3")).toEqual({ mean: [1, 2, 3], scale: [0.1, 0.2, 0.3] });
    expect(parseNormalisation("imagenet", "imagenet")).toEqual(IMAGENET_INPUT);
    expect(() => parseNormalisation("1", undefined)).toThrow("--base-mean is given without --base-scale");
    expect(() => parseNormalisation(undefined, "1")).toThrow("--base-scale is given without --base-mean");
    expect(() => parseNormalisation("1,2", "1")).toThrow("--base-mean 1,2: give one number, three with commas");
    expect(() => parseNormalisation("grey", "1")).toThrow("--base-mean grey");
    expect(() => parseNormalisation("1", "0")).toThrow("greater than 0");
  });
});

describe("a base file", () => {
  const write = (name: string, model: Model): string => {
    writeFileSync(join(folder, name), encodeModel(model));
    return join(folder, name);
  };

  test("a size it was not exported for, or that its stride does not divide, is warned of in words", async () => {
    const network = new NetworkBuilder(8);
    const x = network.relu(network.conv(network.input([1, 3, 64, 64]), 8, { kernel: 3, stride: 2 }, "stem"));
    const map = network.conv(x, 8, { kernel: 3, stride: 2 }, "body");
    const file = write(
      "fixed.onnx",
      network.output(network.gemm(network.node("Flatten", [network.node("GlobalAveragePool", [map])]), 3), [1, 3]),
    );
    const warnings: string[] = [];
    const onWarning = (sentence: string): void => void warnings.push(sentence);
    const fitting = await loadBase(file, { widthPx: 64, heightPx: 64 }, { onWarning });
    expect(warnings).toEqual([]);
    expect(totalStride(fitting)).toBe(4);
    await loadBase(file, { widthPx: 50, heightPx: 48 }, { onWarning });
    expect(warnings.map((sentence) => sentence.replace(file, "FILE"))).toEqual([
      "--base FILE: the base was exported for 64x64 px and is used at 50x48: objects look larger or smaller to it",
      "--base FILE: 50x48 px is no multiple of the base's total stride of 4: its far edges count less",
    ]);
  });

  test("a size at which nothing is left of the map is refused", async () => {
    const network = new NetworkBuilder(8);
    const pads = [0, 0, 0, 0] as const;
    const x = network.conv(network.input(["N", 3, "H", "W"]), 8, { kernel: 5, stride: 2, pads }, "stem");
    const file = write(
      "small.onnx",
      network.output(network.conv(x, 8, { kernel: 5, pads }, "body"), ["N", 8, "h", "w"]),
    );
    await expect(loadBase(file, { widthPx: 8, heightPx: 8 })).rejects.toThrow(
      /small\.onnx: at 8x8 px nothing is left after node body\.node/,
    );
  });

  test("a foreign network whose float input is called image is no bundle, and a refusal names the file once", async () => {
    const network = new NetworkBuilder(8);
    const odd = network.node("Softplus", [network.conv(network.input(["N", 3, "H", "W"], "image"), 8)], {}, "odd");
    const file = write("odd.onnx", network.output(odd, ["N", 8, "h", "w"]));
    await expect(loadBase(file, size)).rejects.toThrow(
      new RegExp(`^the data folder cannot be used: --base ${file}: node odd.node is a Softplus`),
    );
  });
});

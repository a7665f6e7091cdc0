import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeModel, type Model } from "../../src/onnx/model-file.ts";
import { observeRanges, widenRanges } from "../../src/onnx/quantize/observe-ranges.ts";
import {
  activationParameters,
  quantizeBias,
  quantizeWeights,
  roundHalfEven,
  type TensorRange,
} from "../../src/onnx/quantize/quantization-parameters.ts";
import { indexGraph } from "../../src/onnx/graph.ts";
import { type KeepFloat, tensorsToObserve } from "../../src/onnx/quantize/plan-quantization.ts";
import { quantizeModel } from "../../src/onnx/quantize/quantize-model.ts";
import { deviceGraph, SYMMETRIC_INPUT } from "../../src/training/device-graph.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { testPixels, tinyBackbone } from "../training/tiny-backbone.ts";

const SIZE_PX = 8;
const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

test("halves round to the even neighbour", () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6].map(roundHalfEven)).toEqual([0, 2, 2, -0, -2, 2, -3]);
});

test("an activation's range is widened to hold zero, and zero is exact", () => {
  expect(activationParameters({ min: 0, max: 6 })).toEqual({ scale: Math.fround(6 / 255), zeroPoint: 0 });
  expect(activationParameters({ min: 1, max: 5.1 })).toEqual({ scale: Math.fround(5.1 / 255), zeroPoint: 0 });
  expect(activationParameters({ min: -1, max: 1 })).toEqual({ scale: Math.fround(2 / 255), zeroPoint: 128 });
  expect(activationParameters({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
});

test("weights get a symmetric scale for each output channel", () => {
  const { values, scales } = quantizeWeights(Float32Array.of(1.27, -0.635, 0.01, 0, 0, 0), 2, {
    values: undefined,
    inputScale: 1,
  });
  expect([...scales]).toEqual([Math.fround(Math.fround(1.27) / 127), 1]);
  expect([...values]).toEqual([127, -64, 1, 0, 0, 0]);
});

test("a channel of tiny weights gets a scale with which its bias fits into int32", () => {
  const bias = Float32Array.of(1000);
  const { scales } = quantizeWeights(Float32Array.of(1e-9), 1, { values: bias, inputScale: 0.01 });
  const { values } = quantizeBias(bias, 0.01, scales);
  expect(Math.abs(values[0] ?? 0)).toBeLessThan(2147483647);
  expect((values[0] ?? 0) * Math.fround(0.01 * (scales[0] ?? 0))).toBeCloseTo(1000, 3);
});

const toObserve = (model: Model, keepFloat: KeepFloat): string[] =>
  tensorsToObserve(model.graph, indexGraph(model.graph), keepFloat);
const EVERYTHING = { keepFloat: () => false, target: "cpu" } as const;

async function calibrated(model: Model, batches: readonly Uint8Array[]): Promise<Map<string, TensorRange>> {
  const tensors = toObserve(model, () => false);
  const observed = observeRanges(model, tensors);
  await runtime.load(encodeModel(observed.model));
  const ranges = new Map<string, TensorRange>();
  for (const data of batches) widenRanges(ranges, tensors, await runtime.run([imageOf(data)], observed.outputs));
  return ranges;
}

const imageOf = (data: Uint8Array) =>
  ({ name: "image", type: "uint8", data, dims: [data.length / (SIZE_PX * SIZE_PX * 3), SIZE_PX, SIZE_PX, 3] }) as const;

describe("a small network quantised to int8", () => {
  const float = deviceGraph(tinyBackbone(), { widthPx: SIZE_PX, heightPx: SIZE_PX, ...SYMMETRIC_INPUT });
  const batches = [testPixels(16, SIZE_PX, SIZE_PX, 1), testPixels(16, SIZE_PX, SIZE_PX, 2)];

  test("asks for the ranges behind its activations only", () => {
    expect(toObserve(float, () => false)).toEqual(["first_out", "map"]);
    expect(toObserve(float, (name) => name === "second")).toEqual(["first_out"]);
  });

  test("drops Clip and Relu, feeds the pixels unrounded and gives embeddings close to float32", async () => {
    const ranges = await calibrated(float, batches);
    expect(ranges.get("first_out")?.min).toBe(0);
    const int8 = quantizeModel(float, ranges, EVERYTHING);
    expect(
      int8.graph.node.map(({ opType }) => opType).filter((type) => ["Clip", "Relu", "Cast", "Sub"].includes(type)),
    ).toEqual([]);
    expect(int8.graph.node.filter(({ opType }) => opType === "QuantizeLinear").map(({ name }) => name)).toEqual([
      "first_out.quantize",
      "map.quantize",
    ]);
    const frames = testPixels(8, SIZE_PX, SIZE_PX, 9);
    await runtime.load(encodeModel(float));
    const [exact = new Float32Array()] = await runtime.run([imageOf(frames)], ["embedding"]);
    await runtime.load(encodeModel(int8));
    const [rounded = new Float32Array()] = await runtime.run([imageOf(frames)], ["embedding"]);
    const step = (ranges.get("map")?.max ?? 0) / 255;
    exact.forEach((value, index) => expect(Math.abs(value - (rounded[index] ?? NaN))).toBeLessThan(3 * step));
  });

  test("computes exactly what the integers say", async () => {
    const ranges = new Map([
      ["first_out", { min: 0, max: 6 }],
      ["map", { min: 0, max: 10 }],
    ]);
    const int8 = quantizeModel(float, ranges, EVERYTHING);
    // A frame of the mean colour: the first layer sees only its bias, which holds the half grey level to 128.
    const frame = new Uint8Array(SIZE_PX * SIZE_PX * 3).fill(128);
    await runtime.load(encodeModel(int8));
    const [got = new Float32Array()] = await runtime.run([imageOf(frame)], ["embedding"]);
    await runtime.load(encodeModel(float));
    const [wanted = new Float32Array()] = await runtime.run([imageOf(frame)], ["embedding"]);
    const step = 10 / 255;
    got.forEach((value, index) => {
      expect(Math.abs(value / step - Math.round(value / step))).toBeLessThan(1e-3);
      expect(Math.abs(value - (wanted[index] ?? NaN))).toBeLessThan(2 * step);
    });
  });

  test("refuses a tensor nobody calibrated", () => {
    expect(() => quantizeModel(float, new Map(), EVERYTHING)).toThrow("tensor first_out has no finite range");
  });
});

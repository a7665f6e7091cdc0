import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel } from "../../src/onnx/model-file.ts";
import { tensorSignature } from "../../src/onnx/value-info.ts";
import { attachHead, detachHead, headOf } from "../../src/training/attach-head.ts";
import { withTemperature } from "../../src/training/model-calibration.ts";
import { deviceGraph, SYMMETRIC_INPUT } from "../../src/training/device-graph.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { testPixels, tinyBackbone, tinyHead } from "./tiny-backbone.ts";

const WIDTH_PX = 10;
const HEIGHT_PX = 8;
const backbone = tinyBackbone();
const bare = deviceGraph(backbone, { widthPx: WIDTH_PX, heightPx: HEIGHT_PX, ...SYMMETRIC_INPUT });
const model = attachHead(bare, tinyHead, 2);
const runtime = new OnnxProcess();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

const imageOf = (data: Uint8Array) =>
  ({
    name: "image",
    type: "uint8",
    data,
    dims: [data.length / (WIDTH_PX * HEIGHT_PX * 3), HEIGHT_PX, WIDTH_PX, 3],
  }) as const;

test("the device graph has the signature of the contract", () => {
  const describe = (info: Parameters<typeof tensorSignature>[0]) => tensorSignature(info);
  expect(model.graph.input.map(describe)).toEqual([
    { name: "image", dataType: 2, shape: ["N", HEIGHT_PX, WIDTH_PX, 3] },
  ]);
  expect(model.graph.output.map(describe)).toEqual([
    { name: "probabilities", dataType: 1, shape: ["N", 3] },
    { name: "embedding", dataType: 1, shape: ["N", 8] },
    { name: "heatmap", dataType: 1, shape: ["N", 3, "h", "w"] },
  ]);
});

test("pixels in the graph give the embedding that normalised floats give the backbone, padded edges included", async () => {
  const pixels = testPixels(2, WIDTH_PX, HEIGHT_PX);
  const planes = new Float32Array(pixels.length);
  const area = WIDTH_PX * HEIGHT_PX;
  pixels.forEach((value, index) => {
    const [item, place, channel] = [Math.floor(index / (area * 3)), Math.floor(index / 3) % area, index % 3];
    planes[item * area * 3 + channel * area + place] = value / 127.5 - 1;
  });
  await runtime.load(encodeModel(backbone));
  const [wanted = new Float32Array()] = await runtime.run(
    [{ name: "input", type: "float32", data: planes, dims: [2, 3, HEIGHT_PX, WIDTH_PX] }],
    ["features"],
  );
  await runtime.load(encodeModel(model));
  const [got = new Float32Array()] = await runtime.run([imageOf(pixels)], ["embedding"]);
  wanted.forEach((value, index) => expect(got[index]).toBeCloseTo(value, 5));
});

test("four frames at once give what each gives alone", async () => {
  const pixels = testPixels(4, WIDTH_PX, HEIGHT_PX);
  const frameBytes = pixels.length / 4;
  await runtime.load(encodeModel(model));
  const outputs = ["probabilities", "embedding", "heatmap"];
  const together = await runtime.run([imageOf(pixels)], outputs);
  for (let frame = 0; frame < 4; frame++) {
    const alone = await runtime.run([imageOf(pixels.slice(frame * frameBytes, (frame + 1) * frameBytes))], outputs);
    alone.forEach((values, output) => {
      const part = together[output]?.subarray(frame * values.length, (frame + 1) * values.length);
      values.forEach((value, index) => expect(part?.[index]).toBeCloseTo(value, 5));
    });
  }
});

test("probabilities are the tempered softmax of the logits, and the heatmap's mean is the logits", async () => {
  await runtime.load(encodeModel(model));
  const run = await runtime.run(
    [imageOf(testPixels(1, WIDTH_PX, HEIGHT_PX))],
    ["probabilities", "embedding", "heatmap"],
  );
  const [probabilities = new Float32Array(), embedding = new Float32Array(), heatmap = new Float32Array()] = run;
  const logits = [0, 1, 2].map((column) =>
    embedding.reduce(
      (sum, value, row) => sum + value * (tinyHead.weights[row * 3 + column] ?? 0),
      tinyHead.bias[column] ?? 0,
    ),
  );
  const powers = logits.map((logit) => Math.exp(logit / 2));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const places = heatmap.length / 3;
  logits.forEach((logit, column) => {
    expect(probabilities[column]).toBeCloseTo((powers[column] ?? 0) / total, 5);
    const mean =
      heatmap.subarray(column * places, (column + 1) * places).reduce((sum, value) => sum + value, 0) / places;
    expect(mean).toBeCloseTo(logit, 4);
  });
});

test("with top cells a logit is the mean of the greatest margins over the good classes, and a reader finds them again", async () => {
  const topCells = { count: 3, good: [0, 2] };
  const head = { ...tinyHead, topCells };
  const pooled = attachHead(bare, head, 1);
  await runtime.load(encodeModel(pooled));
  const [probabilities = [], heatmap = new Float32Array()] = await runtime.run(
    [imageOf(testPixels(1, WIDTH_PX, HEIGHT_PX))],
    ["probabilities", "heatmap"],
  );
  const places = heatmap.length / 3;
  const at = (column: number, place: number): number => heatmap[column * places + place] ?? 0;
  const powers = [0, 1, 2].map((column) => {
    const margins = Float64Array.from(
      { length: places },
      (_, place) => at(column, place) - (at(0, place) + at(2, place)) / 2,
    );
    return Math.exp(
      margins
        .sort()
        .reverse()
        .slice(0, 3)
        .reduce((sum, margin) => sum + margin, 0) / 3,
    );
  });
  const total = powers.reduce((sum, power) => sum + power, 0);
  powers.forEach((power, column) => expect(probabilities[column]).toBeCloseTo(power / total, 5));
  expect(headOf(pooled)).toEqual(head);
  expect(headOf(model)).toEqual(tinyHead);
  expect(Buffer.from(encodeModel(detachHead(pooled))).equals(Buffer.from(encodeModel(bare)))).toBe(true);
});

test("a head can be taken off and put on again, and its temperature replaced", () => {
  expect(Buffer.from(encodeModel(detachHead(model))).equals(Buffer.from(encodeModel(bare)))).toBe(true);
  const hotter = withTemperature(model, 3);
  expect(Buffer.from(encodeModel(hotter)).equals(Buffer.from(encodeModel(attachHead(bare, tinyHead, 3))))).toBe(true);
});

test("a graph that is no backbone is refused", () => {
  expect(() => deviceGraph(model, { widthPx: 8, heightPx: 8, ...SYMMETRIC_INPUT })).toThrow(
    "one float32 input [N,3,H,W]",
  );
});

import { expect, test } from "vitest";
import { entropyRange, percentileRange } from "../../src/onnx/quantize/choose-range.ts";
import { countValues, emptyHistogram, type Histogram } from "../../src/onnx/quantize/histogram.ts";
import { observeValues, samplingStride } from "../../src/onnx/quantize/observe-values.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { NetworkBuilder } from "./network-builder.ts";

function counted(values: readonly number[], bins?: number): Histogram {
  const seen = { min: Math.min(...values), max: Math.max(...values) };
  const histogram = emptyHistogram(seen, bins);
  countValues(histogram, Float32Array.from(values));
  return histogram;
}

test("values fall into equal bins from zero, or around zero where they have a sign", () => {
  expect([...counted([0, 1, 1.5, 4], 4).counts]).toEqual([1, 2, 0, 1]);
  const signed = counted([-1, 0, 0.5, 2], 4);
  expect(signed).toMatchObject({ lowest: -2, binWidth: 1 });
  expect([...signed.counts]).toEqual([0, 1, 2, 1]);
});

test("a percentile leaves out half of its share at each side", () => {
  const ramp = Array.from({ length: 1000 }, (_, index) => index - 500);
  const range = percentileRange(counted(ramp, 1000), 98);
  expect(range.min).toBeCloseTo(-490, 0);
  expect(range.max).toBeCloseTo(490, 0);
  const positive = percentileRange(
    counted(
      Array.from({ length: 1000 }, (_, index) => index),
      1000,
    ),
    98,
  );
  expect(positive.min).toBeGreaterThanOrEqual(0);
  expect(positive.max).toBeCloseTo(989.01, 6);
});

test("a range is never wider than what was seen", () => {
  expect(percentileRange(counted([0, 0, 3]), 100)).toEqual({ min: 0, max: 3 });
  expect(percentileRange(emptyHistogram({ min: 0, max: 0 }))).toEqual({ min: 0, max: 0 });
  expect(entropyRange(emptyHistogram({ min: 0, max: 0 }))).toEqual({ min: 0, max: 0 });
});

test("entropy keeps a flat distribution whole and cuts off a lone outlier", () => {
  const flat = { seen: { min: 0, max: 8 }, lowest: 0, binWidth: 1 / 256, counts: new Float64Array(2048).fill(5) };
  expect(entropyRange(flat)).toEqual({ min: 0, max: 8 });
  const random = seededRandom(3);
  const bell = Array.from({ length: 20_000 }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return Math.abs(radius * Math.cos(2 * Math.PI * random()));
  });
  const { max } = entropyRange(counted([...bell, 40]));
  expect(max).toBeGreaterThan(2.5);
  expect(max).toBeLessThan(10);
});

test("with as many bins as levels there is one candidate, the whole range", () => {
  const counts = Float64Array.from({ length: 256 }, (_, bin) => bin % 7);
  expect(entropyRange({ seen: { min: 0, max: 256 }, lowest: 0, binWidth: 1, counts })).toEqual({ min: 0, max: 256 });
});

test("of two candidates the one with less divergence, computed by hand, is taken", () => {
  // 257 bins: all 257 in 256 levels merge the bins 255 and 256, P log P/Q of a pair (2, 0) of 256 being 0 where the
  // empty one keeps nothing; 256 bins saturate nothing as the last bin is empty. Both are exact: the narrower wins.
  const counts = new Float64Array(257).fill(1);
  counts[256] = 0;
  expect(entropyRange({ seen: { min: 0, max: 257 }, lowest: 0, binWidth: 1, counts }).max).toBe(256);
  // A single value beyond 256 equal bins saturates: (2/257) ln((2/257)/(1/256)) - (255/257) ln(257/256) > 0, while 257
  // bins of one value each are exact in any levels.
  expect(entropyRange({ seen: { min: 0, max: 257 }, lowest: 0, binWidth: 1, counts: counts.fill(1) }).max).toBe(257);
});

test("sampling takes at most the wanted number, in a step that is no multiple of a row", () => {
  expect(samplingStride(100, 200)).toBe(1);
  expect(samplingStride(112 * 112 * 64, 16_384)).toBe(53);
  const network = new NetworkBuilder();
  const model = network.output(network.relu(network.input(["N", 2, 4, 4])), ["N", 2, 4, 4]);
  expect(observeValues(model, ["relu0"], [3]).outputs).toEqual(["relu0.observed"]);
});

import { expect, test } from "vitest";
import { type InputMoments, roundForInputs } from "../../src/onnx/quantize/round-weights.ts";
import { seededRandom } from "../../src/platform/random.ts";

/** Mean square of (rounded - weights) * x over inputs with these moments. */
function outputError(weights: Float64Array, rounded: Int8Array, { size, values }: InputMoments): number {
  let error = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const [a, b] = [(rounded[i] ?? 0) - (weights[i] ?? 0), (rounded[j] ?? 0) - (weights[j] ?? 0)];
      error += a * b * (values[i * size + j] ?? 0);
    }
  }
  return error;
}

test("weights on equal inputs keep their sum, which rounding to nearest loses", () => {
  const moments = { size: 4, groups: 1, values: new Float64Array(16).fill(1) };
  expect([...roundForInputs(Float64Array.of(0.4, 0.4, 0.4, -1.2), 1, moments)].reduce((sum, q) => sum + q, 0)).toBe(0);
});

test("weights on unrelated inputs round to nearest, within int8", () => {
  const values = Float64Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3);
  expect([...roundForInputs(Float64Array.of(0.4, -2.6, 200), 1, { size: 3, groups: 1, values })]).toEqual([0, -3, 127]);
});

test("an input that was always zero makes nothing infinite", () => {
  const moments = { size: 2, groups: 1, values: Float64Array.of(0, 0, 0, 1) };
  expect([...roundForInputs(Float64Array.of(1.2, 2.7), 1, moments)]).toEqual([1, 3]);
  expect([...roundForInputs(Float64Array.of(1.2, 2.7), 1, { ...moments, values: new Float64Array(4) })]).toEqual([
    1, 3,
  ]);
});

test("every group has its own inputs, and errs less on smooth ones than rounding to nearest", () => {
  const random = seededRandom(8);
  const size = 9;
  const groups = 3;
  const values = new Float64Array(groups * size * size);
  for (let sample = 0; sample < 300; sample++) {
    for (let group = 0; group < groups; group++) {
      const level = random() * 4;
      const x = Array.from({ length: size }, () => level + random() * 0.2);
      for (let at = 0; at < size * size; at++) {
        const index = group * size * size + at;
        values[index] = (values[index] ?? 0) + (x[Math.floor(at / size)] ?? 0) * (x[at % size] ?? 0);
      }
    }
  }
  const perGroup = 16;
  const weights = Float64Array.from({ length: groups * perGroup * size }, () => random() * 40 - 20);
  const rounded = roundForInputs(weights, groups * perGroup, { size, groups, values });
  for (let group = 0; group < groups; group++) {
    const moments = { size, groups: 1, values: values.slice(group * size * size, (group + 1) * size * size) };
    let [error, errorOfNearest] = [0, 0];
    for (let channel = group * perGroup; channel < (group + 1) * perGroup; channel++) {
      const own = weights.slice(channel * size, (channel + 1) * size);
      error += outputError(own, rounded.slice(channel * size, (channel + 1) * size), moments);
      errorOfNearest += outputError(own, Int8Array.from(own, Math.round), moments);
    }
    expect(error).toBeLessThan(0.5 * errorOfNearest);
  }
});

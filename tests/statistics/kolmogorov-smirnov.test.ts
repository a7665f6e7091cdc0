import { expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { kolmogorovSmirnov } from "../../src/statistics/kolmogorov-smirnov.ts";

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, at) => from + at);

// scipy.stats.ks_2samp(range(100), range(20, 120), method="asymp"): D = 0.2, p = 0.0366 without Stephens' correction.
test("gives the distance exactly, and a p-value near the published limit", () => {
  const { distance, p } = kolmogorovSmirnov(range(100), range(100, 20));
  expect(distance).toBeCloseTo(0.2, 12);
  expect(p).toBeGreaterThan(0.025);
  expect(p).toBeLessThan(0.0366);
});

test("equal samples, whatever their order and ties, have distance 0", () => {
  expect(kolmogorovSmirnov([3, 1, 1, 2], [1, 2, 3, 1])).toEqual({ distance: 0, p: 1 });
  expect(kolmogorovSmirnov([], [1])).toEqual({ distance: 0, p: 1 });
});

test("samples apart have distance 1", () => {
  expect(kolmogorovSmirnov(range(40), range(40, 100))).toMatchObject({ distance: 1 });
});

test("calls about one in twenty of unchanged samples changed at 5 %", () => {
  const random = seededRandom(11);
  const sample = (): number[] => range(80).map(() => random() ** 2);
  const rounds = 1000;
  const called = range(rounds).filter(() => kolmogorovSmirnov(sample(), sample()).p <= 0.05).length;
  expect(called / rounds).toBeGreaterThan(0.025);
  expect(called / rounds).toBeLessThan(0.07);
});

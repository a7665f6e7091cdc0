import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { chanceOfProof, partsForChance, partsNeeded, provenRate } from "../../src/statistics/exact-promise.ts";
import { benjaminiHochberg } from "../../src/statistics/false-discovery.ts";
import { normalCdf, normalQuantile } from "../../src/statistics/normal-distribution.ts";
import { direction, shareDifference, shareOf, wilson } from "../../src/statistics/shares.ts";
import { fisherGreater, logChoose, pooledTest } from "../../src/statistics/two-shares.ts";

test("the normal distribution is that of the tables, far tails included", () => {
  expect(normalCdf(0)).toBe(0.5);
  expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 14);
  expect(normalCdf(-6) / 9.865876450376981e-10).toBeCloseTo(1, 9);
  expect(normalCdf(3) + normalCdf(-3)).toBeCloseTo(1, 14);
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 10);
  expect(normalQuantile(1e-12)).toBeCloseTo(-7.034483825301132, 8);
  expect([normalQuantile(0), normalQuantile(1), normalQuantile(2)]).toEqual([-Infinity, Infinity, NaN]);
});

describe("Wilson's interval", () => {
  test("is that of Newcombe (1998), table I", () => {
    const { low, high } = wilson(81, 263);
    expect([low, high].map((value) => value.toFixed(4))).toEqual(["0.2553", "0.3662"]);
    expect(wilson(15, 148).low).toBeCloseTo(0.0624, 4);
    expect(wilson(0, 20).low).toBe(0);
    expect(wilson(0, 20).high).toBeCloseTo(0.1611, 4);
    expect(wilson(29, 29).high).toBe(1);
    expect(wilson(1, 29).low).toBeCloseTo(0.0061, 4);
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  });

  test("covers the true share about as often as it says", () => {
    const random = seededRandom(3);
    let covered = 0;
    for (let round = 0; round < 4000; round++) {
      const truth = 0.02 + 0.5 * random();
      let hits = 0;
      for (let trial = 0; trial < 60; trial++) if (random() < truth) hits++;
      const { low, high } = wilson(hits, 60);
      if (low <= truth && truth <= high) covered++;
    }
    expect(covered / 4000).toBeGreaterThan(0.938);
    expect(covered / 4000).toBeLessThan(0.965);
  });
});

describe("the difference of two shares", () => {
  test("has the interval of Newcombe (1998), table II", () => {
    const { difference, interval } = shareDifference(shareOf(56, 70), shareOf(48, 80));
    expect(difference).toBeCloseTo(0.2, 12);
    expect(interval.low).toBeCloseTo(0.0524, 4);
    expect(interval.high).toBeCloseTo(0.3339, 4);
    const none = shareDifference(shareOf(0, 10), shareOf(0, 20));
    expect(none.interval.low).toBeCloseTo(-0.1611, 4);
    expect(none.interval.high).toBeCloseTo(0.2775, 4);
    expect(direction(interval)).toBe("up");
    expect(direction(none.interval)).toBe("unclear");
    expect(shareDifference(shareOf(1, 3), shareOf(0, 0)).interval).toEqual({ low: -1, high: 1 });
  });

  test("is covered about as often as it says", () => {
    const random = seededRandom(4);
    const drawn = (share: number, trials: number): number => {
      let hits = 0;
      for (let trial = 0; trial < trials; trial++) if (random() < share) hits++;
      return hits;
    };
    let covered = 0;
    for (let round = 0; round < 3000; round++) {
      const [one, other] = [0.4 * random(), 0.4 * random()];
      const { interval } = shareDifference(shareOf(drawn(one, 50), 50), shareOf(drawn(other, 80), 80));
      if (interval.low <= one - other && one - other <= interval.high) covered++;
    }
    expect(covered / 3000).toBeGreaterThan(0.935);
    expect(covered / 3000).toBeLessThan(0.97);
  });
});

test("Fisher's exact test is that of the tea-tasting lady", () => {
  expect(fisherGreater({ hits: 3, trials: 4 }, { hits: 1, trials: 4 })).toBeCloseTo(17 / 70, 12);
  expect(fisherGreater({ hits: 4, trials: 4 }, { hits: 0, trials: 4 })).toBeCloseTo(1 / 70, 12);
  expect(fisherGreater({ hits: 0, trials: 4 }, { hits: 4, trials: 4 })).toBeCloseTo(1, 12);
  expect(fisherGreater({ hits: 0, trials: 0 }, { hits: 4, trials: 9 })).toBe(1);
  expect(logChoose(300, 150)).toBeCloseTo(204.86563824622, 9);
  expect(pooledTest({ hits: 30, trials: 100 }, { hits: 50, trials: 100 })).toBeCloseTo(0.00389, 5);
  expect(pooledTest({ hits: 0, trials: 100 }, { hits: 0, trials: 100 })).toBe(1);
});

test("Benjamini and Hochberg's example of 1995 has four discoveries at 5 %", () => {
  const values = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
  ];
  const shuffled = [...values].reverse();
  expect(benjaminiHochberg(shuffled).filter((q) => q <= 0.05)).toHaveLength(4);
  expect(benjaminiHochberg([0.01, 0.02, 0.03])).toEqual([0.03, 0.03, 0.03]);
  expect(benjaminiHochberg([])).toEqual([]);
});

describe("the exact rule", () => {
  const terms = { maxRate: 0.01, confidence: 0.95 };

  test("asks for 299, 473, 628, 773 parts with 0, 1, 2, 3 of them wrong", () => {
    expect([0, 1, 2, 3].map((wrong) => partsNeeded(terms, wrong))).toEqual([299, 473, 628, 773]);
    expect([0, 1, 2, 3].map((wrong) => partsNeeded({ maxRate: 0.001, confidence: 0.9 }, wrong))).toEqual([
      2302, 3889, 5321, 6679,
    ]);
  });

  test("says what the data prove", () => {
    expect(provenRate(0, 299, 0.95)).toBeLessThanOrEqual(0.01);
    expect(provenRate(0, 298, 0.95)).toBeGreaterThan(0.01);
    expect(provenRate(5, 50, 0.95)).toBeCloseTo(0.199, 3);
    expect(provenRate(0, 0, 0.95)).toBe(1);
  });

  test("gives the chance that a proof succeeds, and the parts for a good chance", () => {
    expect(chanceOfProof(298, 0, terms)).toBe(0);
    expect(chanceOfProof(299, 0.001, terms)).toBeCloseTo(0.999 ** 299, 10);
    const parts = partsForChance(terms, 0.003, 0.8);
    expect(parts).not.toBeNull();
    expect(chanceOfProof(parts ?? 0, 0.003, terms)).toBeGreaterThanOrEqual(0.8);
    expect(partsForChance(terms, 0.01, 0.8)).toBeNull();
  });
});

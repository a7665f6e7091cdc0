import { describe, expect, test } from "vitest";
import { BatchSampler, SamplerState, type SamplerOptions } from "../../src/training/batch-sampler.ts";

/** Class 0 (good) 200 items, class 1 40, class 2 7. */
const items = [200, 40, 7].flatMap((count, classIndex) =>
  Array.from({ length: count }, (_, member) => ({ index: classIndex * 1000 + member, classIndex })),
);
const options: SamplerOptions = { items, goodClasses: [0], balance: 1, goodShare: 0, seed: 5 };

const countsOf = (drawn: readonly { classIndex: number }[]): number[] =>
  [0, 1, 2].map((wanted) => drawn.filter(({ classIndex }) => classIndex === wanted).length);

describe("an epoch", () => {
  test("holds every class as often as the others at balance 1, and as it occurs at 0", () => {
    expect(countsOf(new BatchSampler(options).take(247)).toSorted()).toEqual([82, 82, 83]);
    expect(countsOf(new BatchSampler({ ...options, balance: 0 }).take(247))).toEqual([200, 40, 7]);
    const half = countsOf(new BatchSampler({ ...options, balance: 0.5, epochSize: 1000 }).take(1000));
    const roots = [200, 40, 7].map(Math.sqrt);
    const total = roots.reduce((sum, root) => sum + root, 0);
    half.forEach((count, at) => expect(Math.abs(count - (1000 * (roots[at] ?? 0)) / total)).toBeLessThan(1));
  });

  test("holds at least the wanted share of good ones, and no fewer than balance gives", () => {
    expect(countsOf(new BatchSampler({ ...options, goodShare: 0.5, epochSize: 200 }).take(200))).toEqual([100, 50, 50]);
    expect(countsOf(new BatchSampler({ ...options, goodShare: 0.5, balance: 0 }).take(247))[0]).toBe(200);
  });

  test("is well mixed", () => {
    const first = countsOf(new BatchSampler(options).take(60));
    expect(Math.min(...first)).toBeGreaterThan(8);
  });

  test("smaller than the classes still ends", () => {
    expect(new BatchSampler({ ...options, epochSize: 2 }).take(7)).toHaveLength(7);
  });
});

test("within a class nothing comes again before everything has come, over the ends of epochs", () => {
  const drawn = new BatchSampler({ ...options, epochSize: 90 }).take(900);
  for (const [classIndex, count] of [
    [0, 200],
    [1, 40],
    [2, 7],
  ] as const) {
    const ofClass = drawn.filter((item) => item.classIndex === classIndex).map(({ index }) => index);
    for (let from = 0; from + count <= ofClass.length; from += count) {
      expect(new Set(ofClass.slice(from, from + count)).size).toBe(count);
    }
  }
});

test("the same seed gives the same stream, another one another, and a stored state goes on where it stopped", () => {
  const whole = new BatchSampler({ ...options, epochSize: 90 }).take(500);
  expect(new BatchSampler({ ...options, epochSize: 90 }).take(500)).toEqual(whole);
  expect(new BatchSampler({ ...options, epochSize: 90, seed: 6 }).take(500)).not.toEqual(whole);
  for (const stop of [0, 1, 90, 215]) {
    const sampler = new BatchSampler({ ...options, epochSize: 90 });
    sampler.take(stop);
    const stored = SamplerState.parse(JSON.parse(JSON.stringify(sampler.state())));
    expect(new BatchSampler({ ...options, epochSize: 90 }, stored).take(500 - stop)).toEqual(whole.slice(stop));
  }
});

test("nothing to draw from, or options out of range, are refused", () => {
  expect(() => new BatchSampler({ ...options, items: [] })).toThrow("nothing to draw from");
  expect(() => new BatchSampler({ ...options, balance: 2 })).toThrow("a balance of 2");
});

import { describe, expect, test } from "vitest";
import { chooseLimits, fitTemperature, softmax } from "../../src/training/calibrate-scores.ts";
import { bootstrapByPart, clopperPearson, quantile } from "../../src/statistics/intervals.ts";
import { auroc, balancedAccuracy, confusion, type ScoredFrame } from "../../src/training/metrics.ts";
import { qualityReport } from "../../src/training/report.ts";

const frame = (ngScore: number, defective: boolean, more: Partial<ScoredFrame> = {}): ScoredFrame => ({
  group: `${ngScore}${defective}`,
  defective,
  ngScore,
  truth: defective ? 1 : 0,
  guess: ngScore >= 0.5 ? 1 : 0,
  ...more,
});

describe("AUROC", () => {
  test("counts the pairs in the right order, ties half", () => {
    expect(auroc([frame(0.1, false), frame(0.2, false), frame(0.8, true), frame(0.9, true)])).toBe(1);
    expect(auroc([frame(0.1, false), frame(0.4, true), frame(0.35, false), frame(0.3, true)])).toBe(0.75);
    expect(auroc([frame(0.5, false), frame(0.5, true)])).toBe(0.5);
  });

  test("is not a number without one of the kinds", () => {
    expect(auroc([frame(0.5, true)])).toBeNaN();
  });
});

test("balanced accuracy weighs classes, not frames", () => {
  const frames = [...Array.from({ length: 9 }, () => frame(0.1, false)), frame(0.2, true)];
  expect(balancedAccuracy(frames)).toBe(0.5);
  expect(confusion(frames, 2)).toEqual([
    [9, 0],
    [1, 0],
  ]);
});

test("Clopper-Pearson gives the textbook intervals", () => {
  expect(clopperPearson(0, 10).high).toBeCloseTo(0.3085, 4);
  expect(clopperPearson(10, 10).low).toBeCloseTo(0.6915, 4);
  expect(clopperPearson(2, 20).low).toBeCloseTo(0.0123, 4);
  expect(clopperPearson(2, 20).high).toBeCloseTo(0.317, 4);
  expect(clopperPearson(5, 3000).high).toBeCloseTo(0.003885, 5);
});

test("resampling parts is wider than the frames alone would suggest", () => {
  const value = ({ length }: readonly unknown[], hits: number): number => hits / length;
  const statistic = (items: readonly { hit: boolean }[]): number => value(items, items.filter(({ hit }) => hit).length);
  const items = Array.from({ length: 100 }, (_, index) => ({
    hit: index % 20 < 10,
    frame: index,
    part: Math.floor(index / 10),
  }));
  const byPart = bootstrapByPart(
    items.map(({ hit, part }) => ({ hit, group: `${part}` })),
    statistic,
    { seed: 1, resamples: 500 },
  );
  const byFrame = bootstrapByPart(
    items.map(({ hit, frame: own }) => ({ hit, group: `${own}` })),
    statistic,
    { seed: 1, resamples: 500 },
  );
  expect(byPart.high - byPart.low).toBeGreaterThan(2 * (byFrame.high - byFrame.low));
});

test("quantiles interpolate", () => {
  expect(quantile([0, 1, 2, 3], 0.5)).toBe(1.5);
  expect(quantile([], 0.5)).toBeNaN();
});

test("the temperature undoes a known overconfidence", () => {
  // Right in three cases of four, yet claiming odds of 27 to 1: at temperature 3 the odds are 3 to 1.
  const logits = Array.from({ length: 400 }, () => Float64Array.of(3 * Math.log(3), 0));
  const truths = logits.map((_, index) => (index % 4 === 0 ? 1 : 0));
  expect(fitTemperature(logits, truths)).toBeCloseTo(3, 4);
  expect(softmax(Float64Array.of(3 * Math.log(3), 0), 3)[0]).toBeCloseTo(0.75, 10);
});

describe("limits", () => {
  test("lie at five percent of each kind where the kinds overlap", () => {
    const frames = Array.from({ length: 101 }, (_, index) => [
      frame(index / 100, true),
      frame(index / 100, false),
    ]).flat();
    expect(chooseLimits(frames)).toEqual({ passBelow: 0.05, rejectFrom: 0.95 });
  });

  test("meet in the middle where they do not", () => {
    const frames = [frame(0.1, false), frame(0.2, false), frame(0.8, true), frame(0.9, true)];
    const { passBelow, rejectFrom } = chooseLimits(frames);
    expect(passBelow).toBe(rejectFrom);
    expect(passBelow).toBeCloseTo(0.5, 2);
  });
});

test("a part escapes when any of its frames does", () => {
  const frames = [
    frame(0.1, true, { group: "a" }),
    frame(0.9, true, { group: "a" }),
    frame(0.9, true, { group: "b" }),
    frame(0.1, false, { group: "c" }),
    frame(0.5, false, { group: "d" }),
  ];
  const report = qualityReport(frames, [0, 0, 0, 0, 0], {
    classCount: 2,
    limits: { passBelow: 0.3, rejectFrom: 0.7 },
    seed: 1,
  });
  expect(report.escape).toMatchObject({ parts: 2, wrongParts: 1, frames: 3, wrongFrames: 1 });
  expect(report.overkill).toMatchObject({ parts: 2, wrongParts: 0 });
  expect(report.reviewShare).toBeCloseTo(0.2);
});

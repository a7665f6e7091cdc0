import { expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import {
  classwiseErrors,
  expectedCalibrationError,
  reliabilityBins,
  topLabelForecasts,
} from "../../src/training/calibration-error.ts";
import { fitTemperature } from "../../src/training/calibrate-scores.ts";
import { bootstrapByPart } from "../../src/statistics/intervals.ts";
import { auroc } from "../../src/training/metrics.ts";
import { averagePrecision, rankingIntervals, rankingPoints } from "../../src/training/ranking.ts";
import { riskCoverage } from "../../src/training/risk-coverage.ts";

const item = (ngScore: number, defective: boolean, group = `${ngScore}${defective}`) => ({
  ngScore,
  defective,
  group,
  truth: 0,
  guess: 0,
});

test("average precision of small cases is what the hand computes", () => {
  // Precision 1 at recall 1/2, 2/3 at recall 1.
  expect(averagePrecision([item(0.9, true), item(0.8, false), item(0.7, true), item(0.1, false)])).toBeCloseTo(
    5 / 6,
    12,
  );
  // All tied: one point, precision 2/4 at recall 1.
  expect(averagePrecision([item(0.5, true), item(0.5, false), item(0.5, true), item(0.5, false)])).toBe(0.5);
  expect(averagePrecision([item(0.5, false)])).toBeNaN();
  expect(rankingPoints([item(0.5, true), item(0.5, false), item(0.2, true)])).toEqual([
    { threshold: 0.5, foundDefective: 1, falseAlarms: 1 },
    { threshold: 0.2, foundDefective: 2, falseAlarms: 1 },
  ]);
});

test("calibration error of small cases is what the hand computes", () => {
  const forecasts = [
    { probability: 0.95, happened: true },
    { probability: 0.95, happened: false },
    { probability: 0.12, happened: false },
    { probability: 0, happened: false },
  ];
  const bins = reliabilityBins(forecasts, 10);
  expect(bins[9]).toMatchObject({ count: 2, stated: 0.95, observed: 0.5 });
  expect(bins[0]).toMatchObject({ count: 1, stated: 0, observed: 0 });
  expect(expectedCalibrationError(bins)).toBeCloseTo((2 * 0.45 + 0.12) / 4, 12);
  const classes = [
    { probabilities: Float32Array.of(0.75, 0.25), truth: 0 },
    { probabilities: Float32Array.of(0.25, 0.75), truth: 0 },
  ];
  expect(topLabelForecasts(classes).map(({ happened }) => happened)).toEqual([true, false]);
  // Class 0: |0.75 - 1| and |0.25 - 1|, a half each.
  expect(classwiseErrors(classes, 2)).toEqual([0.5, 0.5]);
});

test("risk and coverage of a small case are what the hand computes", () => {
  const { points, aurc, augrc } = riskCoverage([
    { confidence: 0.9, wrong: false },
    { confidence: 0.8, wrong: true },
    { confidence: 0.7, wrong: false },
    { confidence: 0.6, wrong: false },
  ]);
  expect(points.map(({ risk }) => risk)).toEqual([0, 1 / 2, 1 / 3, 1 / 4]);
  expect(aurc).toBeCloseTo((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4, 12);
  // Trapezes under 0, 0, 1/4, 1/4, 1/4 at coverages 0, 1/4, 1/2, 3/4, 1.
  expect(augrc).toBeCloseTo((0 + 1 / 8 + 1 / 4 + 1 / 4) / 4, 12);
});

test("the generalised risk is the closed form of Traub et al., ties included", () => {
  const random = seededRandom(5);
  const judgements = Array.from({ length: 300 }, () => {
    const confidence = Math.round(random() * 20) / 20;
    return { confidence, wrong: random() > confidence };
  });
  const error = judgements.filter(({ wrong }) => wrong).length / 300;
  // The AUROC of telling right (higher) from wrong judgements.
  const separation = auroc(judgements.map(({ confidence, wrong }, index) => item(confidence, !wrong, String(index))));
  const expected = (1 - separation) * (1 - error) * error + error ** 2 / 2;
  expect(riskCoverage(judgements).augrc).toBeCloseTo(expected, 12);
});

test("the fast intervals are those of resampling the items one by one", () => {
  const random = seededRandom(7);
  const items = Array.from({ length: 120 }, (_, index) => {
    const defective = index % 3 === 0;
    return item(Math.round((random() + (defective ? 0.4 : 0)) * 30) / 30, defective, `part${index >> 2}`);
  });
  const options = { seed: 11, resamples: 200 };
  const fast = rankingIntervals(items, options);
  const slow = bootstrapByPart(items, auroc, options);
  expect(fast.auroc.low).toBeCloseTo(slow.low, 12);
  expect(fast.auroc.high).toBeCloseTo(slow.high, 12);
  const slowPrecision = bootstrapByPart(items, averagePrecision, options);
  expect(fast.averagePrecision.low).toBeCloseTo(slowPrecision.low, 12);
});

test("16,000 regions are resampled a thousand times within seconds", () => {
  const random = seededRandom(9);
  const items = Array.from({ length: 16_000 }, (_, index) => item(random(), index % 10 === 0, `part${index >> 3}`));
  const started = performance.now();
  rankingIntervals(items, { seed: 1, resamples: 1000 });
  expect(performance.now() - started).toBeLessThan(5000);
});

test("the temperature that was put in is found again", () => {
  const random = seededRandom(13);
  const truths: number[] = [];
  const logits = Array.from({ length: 6000 }, () => {
    const row = Float64Array.from({ length: 3 }, () => 4 * random());
    const powers = row.map(Math.exp);
    let left = random() * powers.reduce((sum, power) => sum + power, 0);
    truths.push(
      Math.max(
        0,
        powers.findIndex((power) => (left -= power) < 0),
      ),
    );
    return row.map((value) => value * 2.5);
  });
  expect(Math.abs(fitTemperature(logits, truths) - 2.5)).toBeLessThan(0.15);
});

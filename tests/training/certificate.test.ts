import { expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { allowedWrong, partsNeeded } from "../../src/statistics/exact-promise.ts";
import {
  certificateFault,
  defectivePartScores,
  escapePromise,
  goodPartScores,
  joinLimits,
  justAbove,
  overkillPromise,
} from "../../src/training/certificate.ts";
import { cheapestLimits } from "../../src/training/cost-limits.ts";
import { binomialCdf } from "../../src/statistics/intervals.ts";

const ONE_PERCENT = { maxRate: 0.01, confidence: 0.95 };

test("one percent at 95 % needs 299, 473 and 628 parts for 0, 1 and 2 escapes", () => {
  for (const [parts, allowed] of [
    [298, -1],
    [299, 0],
    [472, 0],
    [473, 1],
    [627, 1],
    [628, 2],
  ] as const) {
    expect([parts, allowedWrong(parts, ONE_PERCENT)]).toEqual([parts, allowed]);
  }
  expect(partsNeeded(ONE_PERCENT)).toBe(299);
  expect(partsNeeded({ maxRate: 0.05, confidence: 0.95 })).toBe(59);
  expect(partsNeeded({ maxRate: 0.5, confidence: 0.5 })).toBe(1);
});

/** 2,000 populations of scores with the quantile function u -> u^3: the true escape rate of a limit t is t^(1/3). */
function violations(parts: number, maxRate: number, promise: (scores: number[]) => boolean): number {
  const random = seededRandom(parts + 1000 * maxRate);
  let violated = 0;
  for (let population = 0; population < 2000; population++) {
    if (promise(Array.from({ length: parts }, () => random() ** 3))) violated++;
  }
  return violated / 2000;
}

test.each([
  [299, 0.01],
  [473, 0.01],
  [700, 0.01],
  [100, 0.05],
  [60, 0.1],
])(
  "of 2,000 populations with %i parts and %d allowed, as many break the promise as the rule says",
  (parts, maxRate) => {
    const terms = { maxRate, confidence: 0.95 };
    const expected = binomialCdf(allowedWrong(parts, terms), parts, maxRate);
    const standardError = (share: number): number => Math.sqrt((share * (1 - share)) / 2000);
    expect(expected).toBeLessThanOrEqual(0.05);
    const escapes = violations(parts, maxRate, (scores) => {
      const result = escapePromise(scores, terms);
      return result.kept && Math.cbrt(result.limit) > maxRate;
    });
    const overkills = violations(parts, maxRate, (scores) => {
      const result = overkillPromise(
        scores.map((score) => 1 - score),
        terms,
      );
      return result.kept && Math.cbrt(1 - result.limit) > maxRate;
    });
    for (const share of [escapes, overkills]) {
      expect(share).toBeLessThanOrEqual(0.05 + 3 * standardError(0.05));
      expect(share).toBeGreaterThanOrEqual(expected - 3 * standardError(expected));
      expect(share).toBeLessThanOrEqual(expected + 3 * standardError(expected));
    }
  },
);

test("tied scores let fewer parts pass than the rule allows, never more", () => {
  const scores = [...new Array<number>(4).fill(0.2), ...new Array<number>(496).fill(0.9)];
  expect(escapePromise(scores, ONE_PERCENT)).toEqual({ kept: true, parts: 500, allowed: 1, wrong: 0, limit: 0.2 });
  const good = scores.map((score) => 1 - score);
  const result = overkillPromise(good, ONE_PERCENT);
  expect(result).toMatchObject({ kept: true, allowed: 1, wrong: 0, limit: justAbove(0.8) });
});

test("too few parts are told what they support and how many are missing", () => {
  const result = escapePromise(
    Array.from({ length: 100 }, (_, index) => 0.3 + index / 1000),
    ONE_PERCENT,
  );
  expect(result).toMatchObject({ kept: false, parts: 100, missingParts: 199, unreachable: false, limit: 0.3 });
  if (result.kept) throw new Error("kept");
  expect(result.supportedRate).toBeCloseTo(0.0295, 4);
  // What it says it supports, it does support.
  const again = { maxRate: result.supportedRate + 1e-9, confidence: 0.95 };
  expect(allowedWrong(100, again)).toBe(0);
  expect(escapePromise([], ONE_PERCENT)).toMatchObject({
    kept: false,
    supportedRate: 1,
    missingParts: 299,
    limit: null,
  });
});

test("good parts with the highest score there is cannot be kept from rejection by any limit", () => {
  const result = overkillPromise(new Array<number>(400).fill(1), ONE_PERCENT);
  expect(result).toMatchObject({ kept: false, missingParts: 0, unreachable: true, limit: 1 });
});

test("a defective part counts by its least suspicious frame and a good one by its most suspicious", () => {
  const frame = (group: string, defective: boolean, ngScore: number) => ({
    group,
    defective,
    ngScore,
    truth: 0,
    guess: 0,
  });
  const frames = [frame("a", true, 0.9), frame("a", true, 0.2), frame("b", false, 0.1), frame("b", false, 0.4)];
  expect(defectivePartScores(frames)).toEqual([0.2]);
  expect(goodPartScores(frames)).toEqual([0.4]);
});

test("limits that would cross meet in the middle, where both promises hold", () => {
  expect(joinLimits(0.2, 0.7)).toEqual({ passBelow: 0.2, rejectFrom: 0.7 });
  expect(joinLimits(0.75, 0.25)).toEqual({ passBelow: 0.5, rejectFrom: 0.5 });
});

test("the cheapest limits are those of an exhaustive search", () => {
  const random = seededRandom(3);
  for (let round = 0; round < 50; round++) {
    const scores = {
      defective: Array.from({ length: 12 }, () => Math.round(random() * 20) / 20),
      good: Array.from({ length: 15 }, () => Math.round(random() * 14) / 20),
    };
    const costs = { escape: 100 * random(), overkill: 10 * random(), review: 4 * random() };
    const bounds = { greatestPassBelow: 0.5 + random() / 2, leastRejectFrom: random() / 2 };
    const costOf = (passBelow: number, rejectFrom: number): number => {
      const cost = (score: number, passed: number, rejected: number): number =>
        score >= rejectFrom ? rejected : score < passBelow ? passed : costs.review;
      const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
      return (
        sum(scores.defective.map((score) => cost(score, costs.escape, 0))) +
        sum(scores.good.map((score) => cost(score, 0, costs.overkill)))
      );
    };
    let least = Infinity;
    const tried = Array.from({ length: 42 }, (_, index) => Math.min(1, index / 40 + 1e-6));
    for (const passBelow of [0, 1, bounds.greatestPassBelow, ...tried]) {
      for (const rejectFrom of [0, 1, bounds.leastRejectFrom, bounds.greatestPassBelow, ...tried]) {
        if (passBelow > bounds.greatestPassBelow || rejectFrom < bounds.leastRejectFrom || passBelow > rejectFrom)
          continue;
        least = Math.min(least, costOf(passBelow, rejectFrom));
      }
    }
    const found = cheapestLimits(scores, costs, bounds);
    expect(found.passBelow).toBeLessThanOrEqual(found.rejectFrom);
    expect(costOf(found.passBelow, found.rejectFrom)).toBeCloseTo(least, 9);
    expect(found.costPerPart).toBeCloseTo(least / 27, 9);
  }
});

test("a certificate is void for another model and for limits nothing was promised for", () => {
  const sha = "a".repeat(64);
  const certificate = {
    maxEscape: 0.01,
    confidence: 0.95,
    parts: 300,
    escapes: 0,
    passBelow: 0.3,
    overkill: { maxOverkill: 0.05, parts: 300, rejected: 3, rejectFrom: 0.6 },
    modelSha256: sha,
    calibrationSetSha256: sha,
    issuedAt: "2026-01-01T00:00:00Z",
  };
  const decision = { temperature: 1, passBelow: 0.3, rejectFrom: 0.6 };
  expect(certificateFault({ certificate, decision }, sha)).toBeNull();
  expect(certificateFault({ certificate: null, decision }, sha)).toBeNull();
  expect(certificateFault({ certificate, decision }, "b".repeat(64))).toContain("another model.onnx");
  expect(certificateFault({ certificate, decision: { ...decision, passBelow: 0.31 } }, sha)).toContain("passBelow");
  expect(certificateFault({ certificate, decision: { ...decision, rejectFrom: 0.5 } }, sha)).toContain("rejectFrom");
});

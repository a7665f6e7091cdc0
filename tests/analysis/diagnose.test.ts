import { describe, expect, test } from "vitest";
import { cohensKappa } from "../../src/analysis/cohens-kappa.ts";
import { diagnose } from "../../src/analysis/diagnose.ts";
import { daysText, scopeOf } from "../../src/analysis/scope.ts";
import { sampleErrors } from "../../src/analysis/sample-errors.ts";
import { seededRandom } from "../../src/platform/random.ts";

const of = (share: number, cases: number) => ({ errors: Math.round(share * cases), cases });

describe("the diagnosis", () => {
  /** The worked cases of Machine Learning Yearning, chapter 41: training, training-dev and dev error. */
  const worked = (train: number, validation: number, production: number, cases = 5000) =>
    diagnose({
      baseline: 0.005,
      splits: { train: of(train, cases), validation: of(validation, cases), production: of(production, cases) },
    });

  test("calls the worked cases as the book does", () => {
    expect(worked(0.01, 0.05, 0.05).called).toEqual(["variance", "avoidable-bias"]);
    expect(worked(0.01, 0.05, 0.05).gaps[0]?.size).toBeCloseTo(0.005, 12);
    expect(worked(0.1, 0.11, 0.12, 2000).called).toEqual(["avoidable-bias"]);
    expect(worked(0.1, 0.11, 0.2, 2000).called).toEqual(["avoidable-bias", "mismatch"]);
  });

  test("does not call what 200 cases cannot show", () => {
    const small = diagnose({ baseline: 0.03, splits: { train: of(0.04, 200), validation: of(0.05, 200) } });
    expect(small.called).toEqual([]);
    expect(small.gaps.map(({ name }) => name)).toEqual(["avoidable-bias", "variance", "total"]);
    expect(small.goodEnough).toBe(true);
  });

  test("sees a validation set that was used up", () => {
    const { called } = diagnose({ baseline: 0.02, splits: { validation: of(0.02, 3000), test: of(0.05, 3000) } });
    expect(called).toEqual(["validation-overfit"]);
  });

  test("says what is missing instead of guessing", () => {
    const alone = diagnose({ baseline: null, splits: { validation: of(0.2, 500) } });
    expect(alone.gaps).toEqual([]);
    expect(alone.goodEnough).toBe(false);
    expect(alone.missing).toHaveLength(3);
    expect(diagnose({ baseline: 0.1, splits: {} })).toMatchObject({ rates: [], gaps: [], called: [] });
  });

  test("takes a person's counted errors with their own interval", () => {
    const splits = { train: of(0.1, 400) };
    const counted = diagnose({ baseline: { errors: 3, cases: 50 }, splits }).gaps[0];
    const given = diagnose({ baseline: 0.06, splits }).gaps[0];
    expect(counted?.called).toBe(false);
    expect(given?.called).toBe(true);
  });

  test("is less sure where cases come in parts", () => {
    const splits = (designEffect: number) => ({
      train: { ...of(0.1, 600), designEffect },
      validation: { ...of(0.15, 600), designEffect },
    });
    expect(diagnose({ baseline: null, splits: splits(1) }).called).toEqual(["variance"]);
    expect(diagnose({ baseline: null, splits: splits(6) }).called).toEqual([]);
  });

  test("calls a gap that is not there about as seldom as it says", () => {
    const random = seededRandom(8);
    const drawn = () => ({
      errors: Array.from({ length: 300 }, random).filter((value) => value < 0.1).length,
      cases: 300,
    });
    let called = 0;
    for (let round = 0; round < 1500; round++) {
      called += diagnose({ baseline: null, splits: { train: drawn(), validation: drawn() } }).called.length;
    }
    // One-sided at 97.5 %.
    expect(called / 1500).toBeLessThan(0.04);
  });
});

describe("Cohen's kappa", () => {
  const pairs = (counts: readonly (readonly [string, string, number])[]) =>
    counts.flatMap(([first, second, times]) => Array.from({ length: times }, () => ({ first, second })));

  test("is that of the textbook, with the interval of Fleiss, Cohen and Everitt", () => {
    const agreement = cohensKappa(
      pairs([
        ["yes", "yes", 20],
        ["yes", "no", 5],
        ["no", "yes", 10],
        ["no", "no", 15],
      ]),
    );
    expect(agreement).toMatchObject({ pairs: 50, byChance: 0.5, humanError: { hits: 15, trials: 50 } });
    expect(agreement.kappa).toBeCloseTo(0.4, 12);
    expect(agreement.interval?.low).toBeCloseTo(0.1511, 3);
    expect(agreement.interval?.high).toBeCloseTo(0.6489, 3);
  });

  test("is 1 in full agreement, near 0 by chance, and nothing where there is one label", () => {
    expect(
      cohensKappa(
        pairs([
          ["a", "a", 5],
          ["b", "b", 5],
        ]),
      ),
    ).toMatchObject({ kappa: 1, interval: { low: 1, high: 1 } });
    expect(cohensKappa(pairs([["a", "a", 9]]))).toMatchObject({ kappa: null, interval: null });
    expect(cohensKappa([])).toMatchObject({ pairs: 0, kappa: null });
  });

  test("has an interval that covers", () => {
    const random = seededRandom(2);
    // Both see the truth with 85 %: agreement 0.745, by chance 0.5, kappa 0.49.
    const seen = (truth: boolean): string => (random() < 0.85 === truth ? "bad" : "good");
    let covered = 0;
    for (let round = 0; round < 600; round++) {
      const { interval } = cohensKappa(
        Array.from({ length: 120 }, () => {
          const truth = random() < 0.5;
          return { first: seen(truth), second: seen(truth) };
        }),
      );
      if (interval !== null && interval.low <= 0.49 && 0.49 <= interval.high) covered++;
    }
    expect(covered / 600).toBeGreaterThan(0.92);
    expect(covered / 600).toBeLessThan(0.98);
  });
});

describe("the scope of a project", () => {
  const figures = {
    maxEscape: 0.01,
    maxOverkill: 0.05,
    confidence: 0.95,
    partsPerDay: 10_000,
    defectRate: 0.002,
    taktMs: 2000,
    defectiveParts: 120,
    escapes: 1,
    goodParts: 3000,
    overkills: 60,
  };

  test("says what is proven, what is missing, and how long the line takes", () => {
    const { escape, overkill, sentences, partsPerDayAtTakt } = scopeOf(figures);
    expect(escape).toMatchObject({ proven: false, needed: [299, 473, 628, 773], missing: 473 - 120 });
    expect(escape.provenRate).toBeCloseTo(0.0389, 3);
    expect(escape.daysForMissing).toBeCloseTo(353 / 20, 6);
    expect(escape.daysFromNothing).toBeCloseTo(299 / 20, 6);
    expect(overkill).toMatchObject({ proven: true, missing: 0, daysForMissing: 0 });
    expect(partsPerDayAtTakt).toBe(43_200);
    expect(sentences[0]).toBe(
      "Not proven with 95 % confidence: at most 1 % of defective parts pass; 1 of 120 held-out defective parts pass, " +
        "which proves 3.9 %. 353 more are needed, none of them judged wrong: 18 days at 20 a day.",
    );
    expect(sentences[1]).toMatch(/^Proven with 95 % confidence: at most 5 % of good parts are rejected/);
  });

  test("knows lines that never yield a defect, and takts that do not fit", () => {
    const { escape, sentences } = scopeOf({ ...figures, defectRate: 0, taktMs: 20_000, defectiveParts: 0, escapes: 0 });
    expect(escape).toMatchObject({ provenRate: 1, missing: 299, daysForMissing: null, daysForLikelyProof: null });
    expect(sentences[0]).toContain("the line never yields any");
    expect(sentences[2]).toBe("A takt of 20000 ms yields at most 4320 parts a day, not 10000: correct one of them.");
  });

  test("proves exactly from the part on that the rule names", () => {
    expect(scopeOf({ ...figures, defectiveParts: 299, escapes: 0 }).escape.proven).toBe(true);
    expect(scopeOf({ ...figures, defectiveParts: 298, escapes: 0 }).escape).toMatchObject({
      proven: false,
      missing: 1,
    });
    expect(daysText(0.2)).toBe("1 day");
    expect(daysText(1300)).toBe("5.2 years of 250 days");
  });
});

test("a sample of errors is random, repeatable and in order", () => {
  const errors = Array.from({ length: 500 }, (_, index) => index);
  const sample = sampleErrors(errors, 100, 3);
  expect(sample).toHaveLength(100);
  expect(sample).toEqual(sampleErrors(errors, 100, 3));
  expect(sample).not.toEqual(sampleErrors(errors, 100, 4));
  expect([...sample].sort((a, b) => a - b)).toEqual(sample);
  expect(sampleErrors([1, 2], 100, 3)).toEqual([1, 2]);
});

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { analysePredictions, type AnalysisOptions } from "../../src/analysis/analyse-predictions.ts";
import { cohensKappa } from "../../src/analysis/cohens-kappa.ts";
import { diagnose, type DiagnosisInput } from "../../src/analysis/diagnose.ts";
import type { KnownFacts } from "../../src/analysis/known-facts.ts";
import { forecastCurve, type LearningCurve } from "../../src/analysis/learning-curve.ts";
import { nextSteps } from "../../src/analysis/next-steps.ts";
import { readPredictions } from "../../src/analysis/read-predictions.ts";
import { readTags, withTags } from "../../src/analysis/read-tags.ts";

const SPAM = new URL("../fixtures/spam/", import.meta.url);
const OPTIONS: AnalysisOptions = {
  baselineError: 0.02,
  wantedError: null,
  goodClasses: ["ham"],
  prices: null,
  task: "any",
  seed: 1,
  sample: 100,
};

const of = (share: number, cases: number) => ({ errors: Math.round(share * cases), cases });
const NOTHING: KnownFacts = {
  task: "images",
  table: null,
  diagnosis: null,
  curve: null,
  slices: null,
  clusters: null,
  labels: null,
  agreement: null,
  wantedError: null,
};
const diagnosed = (splits: DiagnosisInput["splits"], baseline: DiagnosisInput["baseline"] = 0.01): KnownFacts => ({
  ...NOTHING,
  diagnosis: diagnose({ baseline, splits }),
});
const rulesOf = (facts: KnownFacts): string[] => nextSteps(facts).steps.map(({ rule }) => rule);

/** Of ten equal repetitions. */
function curveThrough(error: (parts: number) => number, trainError = 0): LearningCurve {
  const points = [50, 100, 200, 400, 800].map((parts) => ({
    parts,
    trainError,
    validationError: error(parts),
    repeats: Array.from({ length: 10 }, () => error(parts)),
  }));
  return { points, forecast: forecastCurve(points, { seed: 1 }) };
}

describe("the spam example", async () => {
  const read = async (name: string) => new Uint8Array(await readFile(new URL(name, SPAM)));
  const predictions = readPredictions("predictions.csv", await read("predictions.csv")).items;
  const tags = readTags("tags.csv", await read("tags.csv")).items;
  const tagged = withTags("tags.csv", predictions, tags);
  const analysis = analysePredictions(tagged.items, OPTIONS);
  const { table, diagnosis, next } = analysis;

  test("has the table of the lecture", () => {
    expect(tagged.warnings).toEqual([]);
    expect(table).toMatchObject({ cases: 500, errors: 100, accuracy: 0.8 });
    expect(table.tags.map(({ tag, errors }) => [tag, errors])).toEqual([
      ["pharmaceutical", 21],
      ["phishing", 18],
      ["unusual routing", 7],
      ["deliberate misspellings", 3],
    ]);
    expect(table.tags.map(({ cases }) => cases)).toEqual([60, 50, 15, 40]);
    const [pharmaceutical] = table.tags;
    expect(pharmaceutical?.shareOfErrors.interval.low).toBeCloseTo(0.1417, 4);
    expect(pharmaceutical?.shareOfErrors.interval.high).toBeCloseTo(0.2998, 4);
    expect(pharmaceutical?.errorRate?.share).toBe(0.35);
    expect(table.untaggedErrors.hits).toBe(57);
  });

  test("has its ceilings, and six mails with two tags count once", () => {
    expect(table.tags.map(({ ceiling }) => Number(ceiling.accuracy.toFixed(4)))).toEqual([0.842, 0.836, 0.814, 0.806]);
    expect(table.jointCeiling.map(({ errorsAdded }) => errorsAdded)).toEqual([21, 17, 4, 1]);
    expect(table.jointCeiling.at(-1)?.ceiling).toMatchObject({ errorsSolved: 43 });
    expect(table.jointCeiling.at(-1)?.ceiling.accuracy).toBeCloseTo(0.886, 12);
  });

  test("is told bias first, then variance, and no slice is made up", () => {
    expect(diagnosis.called).toEqual(["avoidable-bias", "variance"]);
    expect(diagnosis.gaps[0]).toMatchObject({ from: "baseline", to: "train" });
    expect(diagnosis.gaps[0]?.size).toBeCloseTo(0.13, 12);
    expect(diagnosis.missing).toHaveLength(1);
    expect(analysis.slices.slices).toEqual([]);
  });

  test("is advised to work on the two large tags and to leave the misspellings", () => {
    expect(next.steps[0]?.rule).toBe("stronger-model");
    const onTags = next.steps.filter(({ rule }) => rule === "work-on-tag").map(({ title }) => title);
    expect(onTags[0]).toContain("pharmaceutical");
    expect(onTags[1]).toContain("phishing");
    expect(onTags).toHaveLength(3);
    expect(next.leave).toHaveLength(1);
    expect(next.leave[0]).toMatch(/^Leave “deliberate misspellings” for now: 3 of 100 errors .* from 80 % to 80.6 %/);
    for (const step of next.steps) {
      expect(step.reason).toMatch(/\d.*\.$/);
      expect(step.expectedGain).toBeGreaterThan(0);
      expect(step.interval.low).toBeLessThanOrEqual(step.expectedGain);
      expect(step.interval.high).toBeGreaterThanOrEqual(step.expectedGain);
    }
    const perDay = next.steps.map(({ gainPerDay }) => gainPerDay);
    expect([...perDay].sort((a, b) => b - a)).toEqual(perDay);
  });

  test("puts what is dear first where prices are given", () => {
    const priced = analysePredictions(tagged.items, { ...OPTIONS, prices: { escape: 1, overkill: 20 } });
    expect(priced.table.cost.amount).toBe(priced.table.cost.escapes + 20 * priced.table.cost.overkills);
    expect(priced.table.tags[0]?.cost).toMatchObject({ escapes: 21, overkills: 0, amount: 21 });
  });
});

describe("next steps", () => {
  test("for bias make the model stronger", () => {
    expect(rulesOf(diagnosed({ train: of(0.1, 2000), validation: of(0.11, 2000) }))).toEqual([
      "stronger-model",
      "better-input",
    ]);
  });

  test("for variance hold it back, and collect only where the curve promises a gain", () => {
    const facts = diagnosed({ train: of(0.01, 2000), validation: of(0.06, 2000) });
    expect(rulesOf(facts)).toEqual(["regularise", "targeted-data"]);
    const falling = curveThrough((parts) => 2 * parts ** -0.5);
    const steps = nextSteps({ ...facts, curve: falling }).steps;
    expect(steps.map(({ rule }) => rule).sort()).toEqual(["more-data", "regularise"]);
    expect(steps.find(({ rule }) => rule === "more-data")).toMatchObject({ assumedShare: null });
    const flat = nextSteps({ ...facts, curve: curveThrough(() => 0.06) });
    expect(flat.steps.map(({ rule }) => rule)).toEqual(["regularise"]);
    expect(flat.notes.join(" ")).toContain("more of the same is no advice");
  });

  test("collect on the curve's word where there are no training cases to show variance", () => {
    const curve = curveThrough((parts) => 2 * parts ** -0.5);
    expect(rulesOf({ ...diagnosed({ validation: of(0.06, 2000) }), curve })).toEqual(["more-data"]);
    const noVariance = diagnosed({ train: of(0.01, 2000), validation: of(0.011, 2000) });
    expect(rulesOf({ ...noVariance, curve })).toEqual([]);
  });

  test("say when the training error alone is above the baseline", () => {
    const facts = { ...diagnosed({ train: of(0.05, 900) }), curve: curveThrough((parts) => parts ** -0.4, 0.04) };
    expect(nextSteps(facts).notes.join(" ")).toContain("data alone will not suffice");
  });

  test("for mismatch collect where the model works", () => {
    const splits = { train: of(0.01, 3000), validation: of(0.012, 3000), production: of(0.06, 3000) };
    expect(rulesOf(diagnosed(splits))).toEqual(["like-production", "imitate-production"]);
  });

  test("for a poor baseline and small gaps correct labels or optics, not the model", () => {
    const splits = { train: of(0.08, 500), validation: of(0.085, 500) };
    const facts = { ...diagnosed(splits, 0.08), wantedError: 0.01 };
    expect(rulesOf(facts).sort()).toEqual(["fix-baseline-labels", "fix-baseline-optics"]);
    expect(
      nextSteps(facts)
        .steps.map(({ kind }) => kind)
        .sort(),
    ).toEqual(["camera", "relabel"]);
    const pairs = Array.from({ length: 100 }, (_, index) => ({
      first: index % 2 === 0 ? "good" : "bad",
      second: index % 2 === 0 || index % 4 === 1 ? "good" : "bad",
    }));
    const disagreeing = { ...diagnosed(splits, 0.08), agreement: cohensKappa(pairs) };
    expect(rulesOf(disagreeing)).toContain("fix-baseline-labels");
    expect(nextSteps(diagnosed(splits, 0.08)).steps).toEqual([]);
    expect(nextSteps(diagnosed(splits, 0.08)).notes[0]).toMatch(/as good as its baseline/);
  });

  test("advise nothing on gaps that may be chance", () => {
    const facts = diagnosed({ train: of(0.02, 150), validation: of(0.04, 150) });
    expect(nextSteps(facts).steps).toEqual([]);
    expect(nextSteps(facts).notes.join(" ")).toContain("It may be chance.");
  });

  test("send suspected labels to a person, and take other assumptions when told", () => {
    const labels = { suspects: 40, suspectedErrors: 20, cases: 1000 };
    const [step] = nextSteps({ ...NOTHING, labels }).steps;
    expect(step).toMatchObject({ rule: "fix-labels", kind: "relabel", expectedGain: 0.01, effortDays: 0.1 });
    const mixed = nextSteps({ ...NOTHING, labels: { ...labels, suspects: 400 } });
    expect(mixed.steps).toEqual([]);
    expect(mixed.notes[0]).toContain("contradict 400 of 1000 labels");
    const assumptions = { "fix-labels": { share: 0.1, days: 1 } };
    expect(nextSteps({ ...NOTHING, labels, assumptions }).steps[0]?.expectedGain).toBeCloseTo(0.002, 12);
  });
});

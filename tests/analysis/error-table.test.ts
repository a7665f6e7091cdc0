import { describe, expect, test } from "vitest";
import { errorTable, jointCeiling } from "../../src/analysis/error-table.ts";
import { type OutcomeCell, outcomeOfPrediction } from "../../src/analysis/outcome-cell.ts";
import { tagTrend } from "../../src/analysis/tag-trend.ts";
import { tallyOutcomes } from "../../src/analysis/tally-outcomes.ts";
import { wilson } from "../../src/statistics/shares.ts";
import { seededRandom } from "../../src/platform/random.ts";

const cell = (
  outcome: OutcomeCell["outcome"],
  cases: number,
  tags: readonly string[] = [],
  modelVersion = "1",
): OutcomeCell => ({ modelVersion, outcome, tags, cases });

/** 100 judged cases: 10 errors, of which glare 5, scratch 4, both 2; 3 without a tag. */
const CELLS = [
  cell("correct", 80),
  cell("correct", 10, ["glare"]),
  cell("escape", 3, ["glare"]),
  cell("overkill", 2, ["glare", "scratch"]),
  cell("escape", 2, ["scratch"]),
  cell("wrong-class", 3),
  cell("undecided", 7, ["glare"]),
  cell("fault", 1),
];

describe("the error table", () => {
  const table = errorTable(CELLS, { prices: { escape: 100, overkill: 5 } });

  test("counts errors, shares and rates as the hand does", () => {
    expect(table).toMatchObject({ cases: 100, errors: 10, undecided: 7, faults: 1, accuracy: 0.9, trend: null });
    expect(table.errorRate.interval).toEqual(wilson(10, 100));
    expect(table.untaggedErrors).toMatchObject({ hits: 3, trials: 10, share: 0.3 });
    const [glare, scratch] = table.tags;
    expect(glare).toMatchObject({
      tag: "glare",
      errors: 5,
      cases: 15,
      onlyThisTag: 3,
      shareOfErrors: { share: 0.5, interval: wilson(5, 10) },
      shareOfData: { hits: 15, trials: 100 },
      errorRate: { hits: 5, trials: 15 },
    });
    expect(scratch).toMatchObject({ tag: "scratch", errors: 4, errorRate: null, onlyThisTag: 2 });
  });

  test("prices escapes and overkill", () => {
    expect(table.cost).toEqual({ escapes: 5, overkills: 2, wrongClasses: 3, amount: 510 });
    expect(table.tags[0]?.cost).toEqual({ escapes: 3, overkills: 2, wrongClasses: 0, amount: 310 });
    expect(errorTable(CELLS).cost.amount).toBeNull();
  });

  test("gives ceilings alone and together, overlaps counted once", () => {
    expect(table.tags.map(({ ceiling }) => ceiling.accuracy)).toEqual([0.95, 0.94]);
    expect(table.jointCeiling).toMatchObject([
      { tag: "glare", errorsAdded: 5, ceiling: { errorsSolved: 5, accuracy: 0.95 } },
      { tag: "scratch", errorsAdded: 2, ceiling: { errorsSolved: 7, accuracy: 0.97, gain: 0.07 } },
    ]);
    expect(jointCeiling(CELLS, ["scratch", "glare"], { modelVersion: "1" })).toEqual(
      table.jointCeiling.at(-1)?.ceiling,
    );
    expect(jointCeiling(CELLS, ["nothing"], { modelVersion: "1" })).toMatchObject({ errorsSolved: 0, gain: 0 });
  });

  test("of nothing is empty, not a division by zero", () => {
    const empty = errorTable([]);
    expect(empty).toMatchObject({ modelVersion: null, cases: 0, errors: 0, accuracy: 0, tags: [], jointCeiling: [] });
    expect(JSON.stringify(empty)).not.toMatch(/NaN|null,"share/);
  });

  test("of a million cases takes no longer than the reader's blink", () => {
    const random = seededRandom(1);
    const names = Array.from({ length: 80 }, (_, index) => `tag ${index}`);
    const cells = Array.from({ length: 12_000 }, (_, index) =>
      cell(
        random() < 0.3 ? "correct" : random() < 0.5 ? "escape" : "overkill",
        90,
        [...new Set(Array.from({ length: 3 }, () => names[Math.floor(random() * 80)] ?? ""))],
        `${index % 10}`,
      ),
    );
    const started = performance.now();
    expect(errorTable(cells).tags).toHaveLength(80);
    expect(performance.now() - started).toBeLessThan(250);
  });

  test("widens its intervals where parts repeat", () => {
    const repeated = errorTable(CELLS, { designEffect: 4 });
    expect(repeated.errorRate).toMatchObject({ hits: 10, trials: 100, interval: wilson(2.5, 25) });
  });
});

describe("the trend of a tag", () => {
  const versions = (before: number, after: number): OutcomeCell[] => [
    cell("escape", before, ["glare"], "1"),
    cell("correct", 500 - before, [], "1"),
    cell("escape", after, ["glare"], "2"),
    cell("correct", 500 - after, [], "2"),
  ];

  test("is called only when the interval of the change excludes 0", () => {
    const shrank = errorTable(versions(40, 10), { versions: ["1", "2"] });
    expect(shrank).toMatchObject({ modelVersion: "2", errors: 10, trend: { verdict: "shrank" } });
    expect(shrank.tags[0]?.trend?.change.difference).toBeCloseTo(-0.06, 12);
    expect(tagTrend(tallyOutcomes(versions(10, 40)), ["1", "2"], "glare")?.verdict).toBe("grew");
    expect(tagTrend(tallyOutcomes(versions(20, 14)), ["1", "2"], "glare")?.verdict).toBe("unclear");
    expect(tagTrend(tallyOutcomes(versions(20, 14)), ["2"], "glare")).toBeNull();
  });

  test("is seldom called where nothing changed", () => {
    const random = seededRandom(5);
    const drawn = (): number => Array.from({ length: 500 }, random).filter((value) => value < 0.05).length;
    const called = Array.from({ length: 600 }, () =>
      tagTrend(tallyOutcomes(versions(drawn(), drawn())), ["1", "2"], "glare"),
    );
    expect(called.filter((trend) => trend?.verdict !== "unclear").length / 600).toBeLessThan(0.07);
  });
});

test("a prediction is an escape or an overkill where good classes are known", () => {
  const good = new Set(["ham", "newsletter"]);
  expect(outcomeOfPrediction("spam", "ham", good)).toBe("escape");
  expect(outcomeOfPrediction("ham", "spam", good)).toBe("overkill");
  expect(outcomeOfPrediction("spam", "phishing", good)).toBe("wrong-class");
  expect(outcomeOfPrediction("ham", "newsletter", good)).toBe("correct");
  expect(outcomeOfPrediction("spam", "ham", new Set())).toBe("wrong-class");
});

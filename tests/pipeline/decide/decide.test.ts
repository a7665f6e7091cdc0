import { expect, test } from "vitest";
import type { ModelClass } from "../../../src/contracts/model-bundle.ts";
import { decide, ngScore, verdictOf } from "../../../src/pipeline/decide/decide.ts";
import type { RegionScores } from "../../../src/pipeline/decide/region-scores.ts";

const classes: ModelClass[] = [
  { name: "crack", kind: "defect" },
  { name: "free", kind: "good" },
  { name: "stained", kind: "good" },
  { name: "hole", kind: "defect" },
];
const rules = { passBelow: 0.2, rejectFrom: 0.6 };

/** 4x4 activations; `hot` cells (row, col) speak for `crack`, all others for `free`. */
function region(probabilities: number[], hot: [number, number][] = [], x = 0): RegionScores {
  const heatmap = new Float32Array(4 * 16).fill(-4);
  heatmap.fill(4, 16, 32);
  for (const [row, col] of hot) {
    heatmap[row * 4 + col] = 6;
    heatmap[16 + row * 4 + col] = -4;
  }
  return {
    rect: { xPx: x, yPx: 10, widthPx: 80, heightPx: 40 },
    probabilities: Float32Array.from(probabilities),
    embedding: Float32Array.of(x),
    heatmap,
    heatmapRows: 4,
    heatmapCols: 4,
  };
}

test("the NG score is one minus all good classes together, within 0 and 1 despite rounding", () => {
  expect(ngScore(Float32Array.from([0.1, 0.6, 0.2, 0.1]), classes)).toBeCloseTo(0.2, 6);
  expect(ngScore(Float32Array.from([0, 0.7, 0.3000001, 0]), classes)).toBe(0);
});

test("thresholds: below passBelow passes, from rejectFrom on rejects, what lies between is for a person", () => {
  expect([0, 0.199, 0.2, 0.599, 0.6, 1].map((score) => verdictOf(score, rules))).toEqual([
    "pass",
    "pass",
    "review",
    "review",
    "reject",
    "reject",
  ]);
});

test("with both thresholds equal nothing is left to review", () => {
  expect([0.299, 0.3].map((score) => verdictOf(score, { passBelow: 0.3, rejectFrom: 0.3 }))).toEqual([
    "pass",
    "reject",
  ]);
});

test("the worst region decides, and its scores are the part's", () => {
  const decision = decide(
    [region([0.01, 0.97, 0.01, 0.01]), region([0.9, 0.05, 0, 0.05], [[0, 0]], 100)],
    classes,
    rules,
  );
  expect(decision).toMatchObject({ verdict: "reject", class: "crack" });
  expect(decision.score).toBeCloseTo(0.95, 6);
  expect(decision.scores["crack"]).toBeCloseTo(0.9, 6);
  expect(decision.heat.rect.xPx).toBe(100);
});

test("a rejected part is never named good, even where a good class is the likeliest", () => {
  const decision = decide([region([0.3, 0.4, 0, 0.3])], classes, { passBelow: 0.2, rejectFrom: 0.5 });
  expect(decision).toMatchObject({ verdict: "reject", class: "crack" });
});

test("a passed part is never named a defect, even where a defect is the likeliest", () => {
  const decision = decide([region([0.4, 0.3, 0.3, 0])], classes, { passBelow: 0.5, rejectFrom: 0.9 });
  expect(decision).toMatchObject({ verdict: "pass", class: "free" });
});

test("a part for review is an uncertain hard case", () => {
  expect(decide([region([0.3, 0.6, 0.1, 0])], classes, rules)).toMatchObject({
    verdict: "review",
    hardCase: ["uncertain"],
  });
});

test("boxes surround each connected hot area, in frame pixels", () => {
  const { regions } = decide(
    [
      region(
        [0.9, 0.1, 0, 0],
        [
          [0, 0],
          [0, 1],
          [3, 3],
        ],
        100,
      ),
    ],
    classes,
    rules,
  );
  const boxes = regions.map(({ x, y, width, height }) => [x, y, width, height]);
  expect(boxes).toHaveLength(2);
  expect(boxes).toContainEqual([100, 10, 40, 10]);
  expect(boxes).toContainEqual([160, 40, 20, 10]);
  for (const box of regions) expect(box.class).toBe("crack");
});

test("boxes name the class and the probability of the verdict, never a cell's own", () => {
  const { class: named, scores, regions } = decide([region([0.2, 0.1, 0, 0.7], [[0, 0]])], classes, rules);
  expect(named).toBe("hole");
  expect(regions).toMatchObject([{ class: "hole" }]);
  expect(regions[0]?.score).toBeCloseTo(scores["hole"] ?? NaN, 5);
});

test("the heat map peaks at the NG score, and a region without contrast is all of one heat", () => {
  const spotted = decide([region([0.9, 0.1, 0, 0], [[2, 1]])], classes, rules).heat;
  expect(spotted.values[2 * 4 + 1]).toBeCloseTo(0.9, 5);
  expect(spotted.values.filter((value) => value > 0)).toHaveLength(1);
  const plain = decide([region([0.9, 0.1, 0, 0])], classes, rules).heat;
  for (const value of plain.values) expect(value).toBeCloseTo(0.9, 5);
});

test("a passed part has no boxes", () => {
  expect(decide([region([0.05, 0.95, 0, 0], [[1, 1]])], classes, rules).regions).toEqual([]);
});

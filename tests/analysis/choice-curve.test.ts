import { expect, test } from "vitest";
import { choiceCurve, CHOICE_DEFAULTS, type ChoiceCase } from "../../src/analysis/choice-curve.ts";
import { chooseBatch, candidateOf, margin } from "../../src/analysis/choose-batch.ts";
import { seededRandom } from "../../src/platform/random.ts";

/** A line on which one part in ten is defective, and each part is photographed four times. */
function line(parts: number): ChoiceCase[] {
  const random = seededRandom(3);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: parts }, (_, part) => {
    const defective = part % 10 === 0;
    const own = Array.from({ length: 16 }, () => normal() + 3);
    return Array.from({ length: 4 }, () => ({
      embedding: own.map((value, at) => value + 0.2 * normal() + (defective && at < 4 ? 2 : 0)),
      label: defective ? "crack" : "good",
      group: `part-${part}`,
      defective,
    }));
  }).flat();
}

const OPTIONS = { ...CHOICE_DEFAULTS, seeds: 10, window: 40, mostLabels: 120, tolerance: 0.02 };

test("where defects are rare and parts come again, choosing needs fewer labels than chance", () => {
  const curve = choiceCurve(line(160), OPTIONS);
  expect(curve.fullAuroc).toBeGreaterThan(0.9);
  const { policy, random } = curve.labelsNeeded;
  expect(policy).not.toBeNull();
  expect(policy ?? Infinity).toBeLessThan(random ?? Infinity);
  expect(curve.curves.policy).toHaveLength(12);
  for (const { auroc, interval } of curve.curves.policy) {
    expect(interval.low).toBeLessThanOrEqual(auroc);
    expect(interval.high).toBeGreaterThanOrEqual(auroc);
  }
});

test("the same seeds give the same curve", () => {
  const cases = line(60);
  const options = { ...OPTIONS, seeds: 2, mostLabels: 40 };
  expect(choiceCurve(cases, options)).toEqual(choiceCurve(cases, options));
});

test("the margin is that of the two likeliest classes", () => {
  expect(margin([0.5, 0.2, 0.3])).toBeCloseTo(0.2);
  expect(margin([1, 0])).toBe(1);
});

test("once there are labels the undecided frames are chosen, and not twice the same", () => {
  const candidates = [
    candidateOf([1, 0], [0.99, 0.01]),
    candidateOf([0, 1], [0.51, 0.49]),
    candidateOf([0.01, 1], [0.5, 0.5]),
    candidateOf([-1, 0.2], [0.6, 0.4]),
    ...Array.from({ length: 8 }, (_, at) => candidateOf([1, 0.01 * at], [0.98, 0.02])),
  ];
  const labelled = Array.from({ length: 8 }, () => Float64Array.of(1, 0));
  const chosen = chooseBatch(candidates, 1, { labelled, classCount: 2 });
  expect([1, 2, 3]).toContain(chosen[0]);
  const two = chooseBatch(candidates, 2, { labelled, classCount: 2 });
  expect(two).toContain(3);
  expect(two.filter((index) => index === 1 || index === 2)).toHaveLength(1);
});

test("without labels typical frames come first", () => {
  const crowd = Array.from({ length: 12 }, (_, at) => candidateOf([1, 0.02 * at], null));
  const outlier = candidateOf([-1, 0.5], null);
  const chosen = chooseBatch([outlier, ...crowd], 1, { labelled: [], classCount: 2 });
  expect(chosen).not.toContain(0);
});

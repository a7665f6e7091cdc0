import { expect, test } from "vitest";
import { choiceStudyOf } from "../../../src/hub/workbench/choice-study.ts";
import type { StudyCase } from "../../../src/hub/workbench/study.ts";
import { seededRandom } from "../../../src/platform/random.ts";

/** Parts with two frames each; a third is defective and lies elsewhere among the embeddings, with noise. */
function labelledParts(count: number): StudyCase[] {
  const random = seededRandom(3);
  return Array.from({ length: count * 2 }, (_, index) => {
    const part = Math.floor(index / 2);
    const defective = part % 3 === 0;
    const embedding = Float32Array.from(
      { length: 24 },
      (_each, at) => (random() - 0.5) * 3 + (defective && at < 6 ? 1 : 0),
    );
    const judged = { current: true, judged: true, wrong: false, confirmed: false };
    return {
      ...judged,
      id: `case-${index}`,
      group: `part-${part}`,
      label: defective ? "crack" : "free",
      metadata: {},
      embedding,
    };
  });
}

test("chosen and random frames are compared on the customer's own cases, with intervals and a sentence", () => {
  const study = choiceStudyOf({ cases: labelledParts(90), goodLabels: ["free"], seed: 1 });
  if (study.curve === null) throw new Error(study.sentence);
  expect(study).toMatchObject({ cases: 180, parts: 90 });
  const { policy, random } = study.curve.curves;
  expect(policy.length).toBe(random.length);
  for (const { auroc, interval } of [...policy, ...random]) {
    expect(interval.low).toBeLessThanOrEqual(auroc);
    expect(interval.high).toBeGreaterThanOrEqual(auroc);
  }
  expect(policy.at(-1)?.auroc).toBeCloseTo(study.curve.fullAuroc, 1);
  expect(study.sentence).toMatch(/AUROC of 0\.\d{3}/);
});

test("with too few parts of a kind it says so instead", () => {
  const { curve, sentence } = choiceStudyOf({ cases: labelledParts(20), goodLabels: ["free"], seed: 1 });
  expect(curve).toBeNull();
  expect(sentence).toBe(
    "It takes 12 parts of either kind to tell; there are 13 good and 7 defective parts with a label and an embedding.",
  );
});

import { expect, test } from "vitest";
import { learningRateAt } from "../../../src/training/finetune/learning-rate.ts";

const schedule = { peak: 0.01, warmUpShare: 0.1, floorShare: 0.05 };

test("the rate rises in a line to its peak and falls along half a cosine to its floor", () => {
  const rates = Array.from({ length: 101 }, (_, step) => learningRateAt(step, 100, schedule));
  expect(rates[0]).toBeCloseTo(0.001, 10);
  expect(rates[9]).toBeCloseTo(0.01, 10);
  expect(rates[55]).toBeCloseTo(0.01 * (0.05 + 0.95 / 2), 10);
  expect(rates[100]).toBeCloseTo(0.0005, 10);
  for (let step = 10; step < 100; step++) expect(rates[step + 1]).toBeLessThanOrEqual(rates[step] ?? 0);
});

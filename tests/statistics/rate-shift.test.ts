import { expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { rateShiftEvidence, rateShifted } from "../../src/statistics/rate-shift.ts";

const NOTHING = { hits: 0, trials: 0 };

test("without trials there is no evidence", () => {
  expect(rateShiftEvidence(NOTHING, { hits: 5, trials: 9 }, 0.001)).toBe(1);
  expect(rateShiftEvidence({ hits: 5, trials: 9 }, NOTHING, 0.001)).toBe(1);
});

test("a known rate: the mixture over the binomial, by its own integral", () => {
  // Reference so long that its interval is a point at 1/2: B(8.5, 2.5) / B(0.5, 0.5) / 2^-10, from tables of the Beta function.
  const evidence = rateShiftEvidence({ hits: 5e8, trials: 1e9 }, { hits: 8, trials: 10 }, 0.5);
  let integral = 0;
  const steps = 200_000;
  for (let step = 0; step < steps; step++) {
    const rate = Math.sin((Math.PI / 2) * ((step + 0.5) / steps)) ** 2; // the Beta(1/2, 1/2) prior is uniform in this angle
    integral += (rate ** 8 * (1 - rate) ** 2) / steps;
  }
  expect(evidence).toBeCloseTo(integral * 2 ** 10, 3);
});

test("of 400 unchanged lines looked at after every ten of 1,000 parts, at most the stated share is accused", () => {
  const random = seededRandom(7);
  const count = (parts: number, rate: number): number => {
    let hits = 0;
    for (let part = 0; part < parts; part++) hits += Number(random() < rate);
    return hits;
  };
  let accused = 0;
  for (let line = 0; line < 400; line++) {
    const reference = { hits: count(500, 0.1), trials: 500 };
    const now = { hits: 0, trials: 0 };
    while (now.trials < 1000) {
      now.trials += 10;
      now.hits += count(10, 0.1);
      if (!rateShifted(reference, now, 0.05)) continue;
      accused++;
      break;
    }
  }
  expect(accused / 400).toBeLessThan(0.05);
});

test("a model that stops rejecting is noticed within 250 parts where one of ten was bad", () => {
  let parts = 0;
  while (!rateShifted({ hits: 50, trials: 500 }, { hits: 0, trials: parts }, 0.001)) parts++;
  expect(parts).toBeLessThan(250);
});

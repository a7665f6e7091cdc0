import { normalCdf } from "./normal-distribution.ts";

/** `hits` of `trials`, both whole numbers. */
export interface Count {
  readonly hits: number;
  readonly trials: number;
}

/**
 * One-sided exact test (Fisher): the chance that, were both shares the same, `one` would have at least this many of all
 * hits. Never rejects more often than it says; conservative for small counts.
 */
export function fisherGreater(one: Count, other: Count): number {
  const hits = one.hits + other.hits;
  const trials = one.trials + other.trials;
  const most = Math.min(hits, one.trials);
  let logTerm = logChoose(one.trials, one.hits) + logChoose(other.trials, hits - one.hits) - logChoose(trials, hits);
  let total = 0;
  for (let count = one.hits; count <= most; count++) {
    total += Math.exp(logTerm);
    const next = ((one.trials - count) * (hits - count)) / ((count + 1) * (other.trials - hits + count + 1));
    logTerm += Math.log(next);
  }
  return Math.min(1, total);
}

/** Two-sided test of two shares with pooled variance, without a continuity correction; 1 where nothing can differ. */
export function pooledTest(one: Count, other: Count): number {
  const pooled = (one.hits + other.hits) / (one.trials + other.trials);
  const variance = pooled * (1 - pooled) * (1 / one.trials + 1 / other.trials);
  if (!(variance > 0)) return 1;
  const z = (one.hits / one.trials - other.hits / other.trials) / Math.sqrt(variance);
  return 2 * normalCdf(-Math.abs(z));
}

/** ln of the binomial coefficient; exact to rounding, through cached logarithms of factorials. */
export const logChoose = (of: number, chosen: number): number =>
  logFactorial(of) - logFactorial(chosen) - logFactorial(of - chosen);

const SMALL_FACTORIALS = Float64Array.from({ length: 128 }, () => 0);
for (let value = 2; value < SMALL_FACTORIALS.length; value++) {
  SMALL_FACTORIALS[value] = (SMALL_FACTORIALS[value - 1] ?? 0) + Math.log(value);
}

/** Stirling's series beyond the table: its error there is below 1e-15. */
function logFactorial(value: number): number {
  const known = SMALL_FACTORIALS[value];
  if (known !== undefined) return known;
  const inverse = 1 / value;
  return (
    (value + 0.5) * Math.log(value) -
    value +
    0.5 * Math.log(2 * Math.PI) +
    inverse / 12 -
    inverse ** 3 / 360 +
    inverse ** 5 / 1260
  );
}

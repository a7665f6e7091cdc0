import { clopperPearson, type Interval } from "./intervals.ts";
import { wilson } from "./shares.ts";

/** How often something happened: `hits` of `trials`. */
export interface Observed {
  readonly hits: number;
  readonly trials: number;
}

/**
 * Evidence that a rate left the one a reference run showed, as an e-value that may be looked at after every trial: under
 * any unchanged rate it ever exceeds 1/a with a chance of at most a (Ville 1939). The test martingale is Robbins' (1970)
 * mixture of the binomial over a Beta(1/2, 1/2) prior, taken at the rate of the reference's exact interval that fits
 * best. `doubt` is the chance allowed for that interval to miss. 1 where either has no trials.
 */
export function rateShiftEvidence(reference: Observed, now: Observed, doubt: number): number {
  if (reference.trials === 0 || now.trials === 0) return 1;
  const { low, high } = referenceInterval(reference, 1 - doubt);
  const observed = now.hits / now.trials;
  const rate = Math.min(Math.max(observed, low), high);
  const misses = now.trials - now.hits;
  const logMixture = logBeta(now.hits + 0.5, misses + 0.5) - logBeta(0.5, 0.5);
  return Math.exp(logMixture - times(now.hits, Math.log(rate)) - times(misses, Math.log1p(-rate)));
}

/** Whether the rate shifted, with a chance of at most `falseAlarm` to ever say so of one that did not. */
export const rateShifted = (reference: Observed, now: Observed, falseAlarm: number): boolean =>
  rateShiftEvidence(reference, now, falseAlarm / 2) >= 2 / falseAlarm;

/** The exact interval sums over all hits: it is taken once for a reference, and for long ones the score interval is. */
const MOST_EXACT = 20_000;
const MOST_REMEMBERED = 16;
const remembered = new Map<string, Interval>();

function referenceInterval({ hits, trials }: Observed, confidence: number): Interval {
  const key = `${hits}/${trials}/${confidence}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const interval = trials > MOST_EXACT ? wilson(hits, trials, confidence) : clopperPearson(hits, trials, confidence);
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  remembered.set(key, interval);
  return interval;
}

/** 0 · -Infinity is 0 here: what never happened says nothing about its logarithm. */
const times = (count: number, logarithm: number): number => (count === 0 ? 0 : count * logarithm);

const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/** ln Γ(x) for x > 0: Stirling's series, after raising x above 10; relative error below 1e-12. */
function logGamma(x: number): number {
  let shift = 0;
  let raised = x;
  for (; raised < 10; raised++) shift += Math.log(raised);
  const inverse = 1 / raised;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
  return (raised - 0.5) * Math.log(raised) - raised + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

/**
 * Two-sided cumulative sum of standard normal scores (Page 1954): each side grows by what exceeds the allowance and never
 * falls below 0. An alarm is due when either side passes the threshold.
 */
export interface Cusum {
  readonly up: number;
  readonly down: number;
}

export const NO_CHANGE: Cusum = { up: 0, down: 0 };

export const addScore = ({ up, down }: Cusum, score: number, allowance: number): Cusum => ({
  up: Math.max(0, up + score - allowance),
  down: Math.max(0, down - score - allowance),
});

/** Siegmund's correction for the overshoot of a discrete walk ("Sequential Analysis", 1985, section 10.2). */
const OVERSHOOT = 1.166;

/** Scores until a false alarm, on average, of both sides together where nothing changes (Siegmund 1985). */
export function averageRunLength(threshold: number, allowance: number): number {
  const height = threshold + OVERSHOOT;
  const exponent = 2 * allowance * height;
  return (Math.exp(exponent) - exponent - 1) / (2 * allowance ** 2) / 2;
}

/** The threshold at which false alarms are `runLength` scores apart on average. */
export function thresholdFor(runLength: number, allowance: number): number {
  let low = 0;
  let high = 1;
  while (averageRunLength(high, allowance) < runLength) high *= 2;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (averageRunLength(middle, allowance) < runLength) low = middle;
    else high = middle;
  }
  return high;
}

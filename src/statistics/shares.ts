import type { Interval } from "./intervals.ts";
import { normalCritical } from "./normal-distribution.ts";

/** `hits` of `trials`, with its interval. */
export interface Share {
  readonly hits: number;
  readonly trials: number;
  /** 0-1; 0 without trials. */
  readonly share: number;
  /** Wilson; [0, 1] without trials. */
  readonly interval: Interval;
}

/**
 * Interval of a share by inverting the score test (Wilson 1927): covers near its confidence also for few trials and
 * shares near 0 or 1, on average, while Clopper-Pearson never covers less and is wider. 95 % unless told; `trials` may
 * be an effective number, not whole.
 */
export function wilson(hits: number, trials: number, confidence = 0.95): Interval {
  if (trials <= 0) return { low: 0, high: 1 };
  const z = normalCritical(confidence);
  const share = hits / trials;
  const shrunk = 1 + (z * z) / trials;
  const centre = (share + (z * z) / (2 * trials)) / shrunk;
  const half = (z / shrunk) * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  // Exactly 0 and 1 at the ends, where rounding would leave 1e-17.
  return { low: hits <= 0 ? 0 : centre - half, high: hits >= trials ? 1 : centre + half };
}

/** `designEffect`: how many trials count as an independent one, at least 1; widens the interval. */
export const shareOf = (hits: number, trials: number, confidence = 0.95, designEffect = 1): Share => ({
  hits,
  trials,
  share: trials === 0 ? 0 : hits / trials,
  interval: wilson(hits / designEffect, trials / designEffect, confidence),
});

/** A difference of two shares, -1 to 1. */
export interface ShareDifference {
  readonly difference: number;
  readonly interval: Interval;
}

/**
 * `of` less `from`, of independent samples, with the hybrid score interval (Newcombe 1998, method 10) at the confidence of
 * their own intervals. Does not use that two samples are of the same items, so it is too wide rather than too narrow
 * there. [-1, 1] where one has no trials.
 */
export function shareDifference(of: Share, from: Share): ShareDifference {
  const difference = of.share - from.share;
  if (of.trials === 0 || from.trials === 0) return { difference, interval: { low: -1, high: 1 } };
  return {
    difference,
    interval: {
      low: difference - Math.hypot(of.share - of.interval.low, from.interval.high - from.share),
      high: difference + Math.hypot(of.interval.high - of.share, from.share - from.interval.low),
    },
  };
}

/** Whether an interval of a difference says which way it goes. */
export const direction = ({ low, high }: Interval): "up" | "down" | "unclear" =>
  low > 0 ? "up" : high < 0 ? "down" : "unclear";

import type { Interval } from "./intervals.ts";
import { normalCritical } from "./normal-distribution.ts";
import { logChoose } from "./two-shares.ts";

/**
 * Two-sided exact test of paired yes-or-no answers (McNemar 1947, exact form): of the pairs that differ, `one` went one way
 * and `other` the other; were neither way likelier, each would be a fair coin. 1 where no pair differs.
 */
export function mcnemarExact(one: number, other: number): number {
  const differing = one + other;
  const fewer = Math.min(one, other);
  let total = 0;
  for (let count = 0; count <= fewer; count++) total += Math.exp(logChoose(differing, count) - differing * Math.LN2);
  return Math.min(1, 2 * total);
}

/**
 * Interval of a difference of two paired shares: `gained` pairs are hits only in the second, `lost` only in the first, of
 * `pairs`. Wald's with half a pair added to each of the four cells (Agresti & Min 2005), which holds its level for few pairs.
 * [-1, 1] without pairs.
 */
export function pairedDifference(gained: number, lost: number, pairs: number, confidence = 0.95): Interval {
  if (pairs === 0) return { low: -1, high: 1 };
  const [up, down, all] = [gained + 0.5, lost + 0.5, pairs + 2];
  const centre = (up - down) / all;
  const half = (normalCritical(confidence) * Math.sqrt(up + down - (up - down) ** 2 / all)) / all;
  return { low: Math.max(-1, centre - half), high: Math.min(1, centre + half) };
}

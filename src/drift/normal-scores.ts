import { quickNormalQuantile } from "../statistics/normal-distribution.ts";
import { quantile } from "../statistics/intervals.ts";

/** Points of a reference's quantile function that are kept: shares 0, 1/128, … 1. */
export const QUANTILE_POINTS = 129;

/** Ascending quantiles of a reference, a hundred numbers instead of all its values. */
export function quantileTable(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return Array.from({ length: QUANTILE_POINTS }, (_, point) => quantile(sorted, point / (QUANTILE_POINTS - 1)));
}

/**
 * Where a value lies among the reference's, as the standard normal value of the same rank (van der Waerden 1952): whatever
 * the reference's distribution, its own scores are close to standard normal, and one wild value counts no more than the
 * largest known one. A value among equal quantiles gets the middle of their ranks.
 */
export function normalScore(table: readonly number[], value: number): number {
  const share = shareBelow(table, value);
  return quickNormalQuantile(Math.min(1 - EDGE_SHARE, Math.max(EDGE_SHARE, share)));
}

/** Share of the reference's values that lie below this one, 0 to 1; between two quantiles on the line between them. */
export function shareBelow(table: readonly number[], value: number): number {
  const below = firstAtLeast(table, value);
  const notAbove = firstAbove(table, value);
  const rank = below < notAbove ? (below + notAbove - 1) / 2 : between(table, value, below);
  return rank / (table.length - 1);
}

/** Nothing is rarer than this: a table of 129 points cannot tell. Scores lie within about 2.7 of 0. */
const EDGE_SHARE = 1 / (2 * (QUANTILE_POINTS + 1));

function between(table: readonly number[], value: number, above: number): number {
  if (above === 0) return 0;
  if (above === table.length) return table.length - 1;
  const low = table[above - 1] ?? value;
  const high = table[above] ?? value;
  return above - 1 + (value - low) / (high - low);
}

const firstAtLeast = (table: readonly number[], value: number): number =>
  firstWhere(table, (quantileValue) => quantileValue >= value);
const firstAbove = (table: readonly number[], value: number): number =>
  firstWhere(table, (quantileValue) => quantileValue > value);

/** First index of an ascending table for which the test, false then true, is true; its length if none. */
function firstWhere(table: readonly number[], test: (value: number) => boolean): number {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(table[middle] ?? NaN)) high = middle;
    else low = middle + 1;
  }
  return low;
}

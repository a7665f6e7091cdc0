import { seededRandom } from "../platform/random.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * 95 % percentile interval of a statistic by resampling whole parts (cluster bootstrap): frames of one part rise and
 * fall together, so resampling frames would promise too much. Resamples without a value (NaN) are left out.
 */
export function bootstrapByPart<T extends { readonly group: string }>(
  items: readonly T[],
  statistic: (resample: readonly T[]) => number,
  options: { readonly seed: number; readonly resamples: number },
): Interval {
  const byPart = [...Map.groupBy(items, ({ group }) => group).values()];
  const random = seededRandom(options.seed);
  const values: number[] = [];
  for (let round = 0; round < options.resamples; round++) {
    const resample = byPart.flatMap(() => byPart[Math.floor(random() * byPart.length)] ?? []);
    const value = statistic(resample);
    if (!Number.isNaN(value)) values.push(value);
  }
  values.sort((a, b) => a - b);
  return { low: quantile(values, 0.025), high: quantile(values, 0.975) };
}

/** Linear interpolation between the order statistics of ascending `sorted`; NaN when empty. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] ?? NaN;
  return low + ((sorted[Math.min(below + 1, sorted.length - 1)] ?? NaN) - low) * (position - below);
}

/** Exact interval of a share, `hits` of `trials` (Clopper & Pearson 1934); 95 % unless told. */
export function clopperPearson(hits: number, trials: number, confidence = 0.95): Interval {
  if (trials === 0) return { low: 0, high: 1 };
  const tail = (1 - confidence) / 2;
  return {
    low: hits === 0 ? 0 : bisect((share) => 1 - binomialCdf(hits - 1, trials, share) - tail),
    high: hits === trials ? 1 : bisect((share) => tail - binomialCdf(hits, trials, share)),
  };
}

/** Root in [0, 1] of a rising function. */
function bisect(rising: (share: number) => number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (rising(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(X <= hits) for X of a binomial distribution, summed in logarithms so that many trials do not underflow. */
export function binomialCdf(hits: number, trials: number, share: number): number {
  if (share <= 0) return 1;
  if (share >= 1) return hits >= trials ? 1 : 0;
  let logTerm = trials * Math.log1p(-share);
  let total = Math.exp(logTerm);
  for (let count = 1; count <= hits; count++) {
    logTerm += Math.log((trials - count + 1) / count) + Math.log(share) - Math.log1p(-share);
    total += Math.exp(logTerm);
  }
  return Math.min(1, total);
}

import type { Interval } from "../statistics/intervals.ts";
import { normalCritical } from "../statistics/normal-distribution.ts";
import { type Share, shareOf } from "../statistics/shares.ts";

/** Two people's labels of one thing, given without seeing each other's. */
export interface LabelPair {
  readonly first: string;
  readonly second: string;
}

export interface Agreement {
  readonly pairs: number;
  readonly agreed: Share;
  /** Share that would agree by chance, from how often each uses each label. */
  readonly byChance: number;
  /** Agreement beyond chance: 1 always, 0 as chance, below 0 less; null where only one label was used by both. */
  readonly kappa: number | null;
  readonly interval: Interval | null;
  /**
   * The human-level baseline: how often a person's label differs from the one that counts. The counting label errs too,
   * so a person is at least this good.
   */
  readonly humanError: Share;
}

/**
 * Cohen's kappa (1960) with its large-sample interval (Fleiss, Cohen & Everitt 1969, not the narrower one under chance);
 * the interval is cut at -1 and 1.
 */
export function cohensKappa(pairs: readonly LabelPair[], confidence = 0.95): Agreement {
  const count = pairs.length;
  const labels = [...new Set(pairs.flatMap(({ first, second }) => [first, second]))];
  const share = (fits: (pair: LabelPair) => boolean): number => (count === 0 ? 0 : pairs.filter(fits).length / count);
  const firstShares = new Map(labels.map((label) => [label, share(({ first }) => first === label)]));
  const secondShares = new Map(labels.map((label) => [label, share(({ second }) => second === label)]));
  const of = (shares: ReadonlyMap<string, number>, label: string): number => shares.get(label) ?? 0;
  const observed = share(({ first, second }) => first === second);
  const byChance = labels.reduce((sum, label) => sum + of(firstShares, label) * of(secondShares, label), 0);
  const agreedCount = pairs.filter(({ first, second }) => first === second).length;
  const shared = {
    pairs: count,
    agreed: shareOf(agreedCount, count, confidence),
    byChance,
    humanError: shareOf(count - agreedCount, count, confidence),
  };
  if (count === 0 || byChance >= 1) return { ...shared, kappa: null, interval: null };
  const kappa = (observed - byChance) / (1 - byChance);
  let variance = -((kappa - byChance * (1 - kappa)) ** 2);
  for (const { first, second } of pairs) {
    const term =
      first === second
        ? 1 - (of(firstShares, first) + of(secondShares, first)) * (1 - kappa)
        : (1 - kappa) * (of(secondShares, first) + of(firstShares, second));
    variance += term ** 2 / count;
  }
  const error = Math.sqrt(Math.max(0, variance) / count) / (1 - byChance);
  const half = normalCritical(confidence) * error;
  return { ...shared, kappa, interval: { low: Math.max(-1, kappa - half), high: Math.min(1, kappa + half) } };
}

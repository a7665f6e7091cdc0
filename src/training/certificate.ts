import { allowedWrong, doubt, partsNeeded, type PromiseTerms } from "../statistics/exact-promise.ts";
import type { ScoredFrame } from "./metrics.ts";

export { certificateFault } from "../contracts/certificate-fault.ts";

/** A promise the parts support. */
export interface KeptPromise {
  readonly kept: true;
  readonly parts: number;
  /** Held-out parts that the rule allows to be judged wrong. */
  readonly allowed: number;
  /** Held-out parts judged wrong at the limit; fewer than allowed where scores tie. */
  readonly wrong: number;
  readonly limit: number;
}

/** What the parts support instead of the promise that was asked for. */
export interface BrokenPromise {
  readonly kept: false;
  readonly parts: number;
  /** Least rate the parts can promise at that confidence, with no part judged wrong; 1 without parts. */
  readonly supportedRate: number;
  /** More parts of that kind needed for the promise, the first of them all judged right; 0: see `unreachable`. */
  readonly missingParts: number;
  /** Enough parts, but too many have the highest score a part can have: no limit within [0, 1] keeps the promise. */
  readonly unreachable: boolean;
  /** The limit at which no held-out part is judged wrong, or the nearest to it; null without parts. */
  readonly limit: number | null;
}

export type PromiseResult = KeptPromise | BrokenPromise;

/**
 * The score a defective part is certified by: the least of its frames', since it escapes if any of them would let it
 * pass. One number a part, in no order.
 */
export const defectivePartScores = (frames: readonly ScoredFrame[]): number[] => partScores(frames, true, Math.min);

/** The score a good part is certified by: the greatest of its frames', since any of them may get it rejected. */
export const goodPartScores = (frames: readonly ScoredFrame[]): number[] => partScores(frames, false, Math.max);

function partScores(
  frames: readonly ScoredFrame[],
  defective: boolean,
  worse: (a: number, b: number) => number,
): number[] {
  const scores = new Map<string, number>();
  for (const frame of frames) {
    if (frame.defective !== defective) continue;
    scores.set(frame.group, worse(scores.get(frame.group) ?? frame.ngScore, frame.ngScore));
  }
  return [...scores.values()];
}

/**
 * `passBelow` that keeps the escape rate at most `maxRate`: the (k+1)-th smallest score of the held-out defective
 * parts, k as in allowedWrong. A part passes strictly below it. The order statistic is exceeded by the true quantile
 * with probability BinomialCDF(k; n, maxRate) at most, whatever the distribution of scores (Wilks 1941): exact for a
 * score that was fixed before these parts were seen. A lower `passBelow` keeps the promise as well.
 */
export function escapePromise(scores: readonly number[], terms: PromiseTerms): PromiseResult {
  const sorted = [...scores].sort((a, b) => a - b);
  const allowed = allowedWrong(sorted.length, terms);
  const limit = sorted[Math.max(0, allowed)];
  if (limit === undefined || allowed < 0) return brokenPromise(sorted.length, terms, limit ?? null);
  const wrong = sorted.filter((score) => score < limit).length;
  return { kept: true, parts: sorted.length, allowed, wrong, limit };
}

/**
 * `rejectFrom` that keeps the overkill rate at most `maxRate`: just above the (k+1)-th greatest score of the held-out
 * good parts, since a part is rejected from the limit on. A higher `rejectFrom` keeps the promise as well.
 */
export function overkillPromise(scores: readonly number[], terms: PromiseTerms): PromiseResult {
  const sorted = [...scores].sort((a, b) => b - a);
  const allowed = allowedWrong(sorted.length, terms);
  const greatest = sorted[Math.max(0, allowed)];
  if (greatest === undefined) return brokenPromise(0, terms, null);
  const limit = justAbove(greatest);
  if (allowed < 0) return brokenPromise(sorted.length, terms, Math.min(1, limit));
  if (limit > 1) return { ...brokenPromise(sorted.length, terms, 1), missingParts: 0, unreachable: true };
  const wrong = sorted.filter((score) => score >= limit).length;
  return { kept: true, parts: sorted.length, allowed, wrong, limit };
}

function brokenPromise(parts: number, terms: PromiseTerms, limit: number | null): BrokenPromise {
  return {
    kept: false,
    parts,
    supportedRate: parts === 0 ? 1 : 1 - doubt(terms.confidence) ** (1 / parts),
    missingParts: Math.max(0, partsNeeded(terms) - parts),
    unreachable: false,
    limit,
  };
}

/** The next greater double of a number in [0, 1]. */
export function justAbove(value: number): number {
  const bits = new BigInt64Array(1);
  const number = new Float64Array(bits.buffer);
  number[0] = value;
  bits[0] = (bits[0] ?? 0n) + 1n;
  return number[0] ?? value;
}

/**
 * Both limits from both promises. They may always be joined: the escape promise holds for every lower `passBelow`, the
 * overkill promise for every higher `rejectFrom`. Where the kinds lie so far apart that `passBelow` would exceed
 * `rejectFrom`, both become the middle between, which keeps both promises and leaves nothing to a person.
 */
export function joinLimits(passBelow: number, rejectFrom: number): { passBelow: number; rejectFrom: number } {
  if (passBelow <= rejectFrom) return { passBelow, rejectFrom };
  const middle = rejectFrom + (passBelow - rejectFrom) / 2;
  return { passBelow: middle, rejectFrom: middle };
}

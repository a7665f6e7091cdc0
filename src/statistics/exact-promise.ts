import { binomialCdf, clopperPearson } from "./intervals.ts";

/** "At most `maxRate` of all such parts are judged wrong, with this confidence." Both in (0, 1). */
export interface PromiseTerms {
  readonly maxRate: number;
  readonly confidence: number;
}

/**
 * Wrong judgements allowed among `parts` held-out parts: the largest k with BinomialCDF(k; parts, maxRate) <=
 * 1 - confidence, or -1 where not even none is enough. 1 % at 95 % allows 0, 1, 2 from 299, 473, 628 parts on.
 */
export function allowedWrong(parts: number, { maxRate, confidence }: PromiseTerms): number {
  let allowed = -1;
  while (allowed + 1 < parts && binomialCdf(allowed + 1, parts, maxRate) <= doubt(confidence)) allowed++;
  return allowed;
}

/** Least number of parts for the promise when `wrong` of them are judged wrong: BinomialCDF(wrong; parts, maxRate) <= 1 - confidence. */
export function partsNeeded({ maxRate, confidence }: PromiseTerms, wrong = 0): number {
  const proves = (parts: number): boolean => binomialCdf(wrong, parts, maxRate) <= doubt(confidence);
  let low = wrong;
  let high = Math.max(1, Math.ceil(((wrong + 1) * Math.log(doubt(confidence))) / Math.log1p(-maxRate)));
  while (!proves(high)) high *= 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (proves(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** The least rate that `wrong` of `parts` prove at that confidence: the one-sided exact upper limit; 1 without parts. */
export const provenRate = (wrong: number, parts: number, confidence: number): number =>
  parts === 0 ? 1 : clopperPearson(wrong, parts, 1 - 2 * doubt(confidence)).high;

/**
 * Chance that `parts` fresh parts prove the promise when the true rate is `trueRate`: that no more than the allowed are
 * judged wrong.
 */
export function chanceOfProof(parts: number, trueRate: number, terms: PromiseTerms): number {
  const allowed = allowedWrong(parts, terms);
  return allowed < 0 ? 0 : binomialCdf(allowed, parts, trueRate);
}

/**
 * Least number of parts at which the proof succeeds with at least `chance`, among those where one more wrong part becomes
 * allowed; null beyond `most` parts, as when the true rate is hardly below the promised one.
 */
export function partsForChance(terms: PromiseTerms, trueRate: number, chance: number, most = 1_000_000): number | null {
  if (trueRate >= terms.maxRate) return null;
  for (let wrong = 0; ; wrong++) {
    const parts = partsNeeded(terms, wrong);
    if (parts > most) return null;
    if (binomialCdf(wrong, parts, trueRate) >= chance) return parts;
  }
}

/** 1 - confidence; 1 - 0.95 is a little more than 0.05 in floating point, and 5 % shall mean 5 %. */
export const doubt = (confidence: number): number => Number((1 - confidence).toPrecision(12));

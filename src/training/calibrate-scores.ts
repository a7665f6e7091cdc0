import type { DecisionLimits } from "../contracts/model-bundle.ts";
import { quantile } from "../statistics/intervals.ts";
import type { ScoredFrame } from "./metrics.ts";

/** softmax(logits / temperature). */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const powers = logits.map((logit) => Math.exp((logit - highest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * The temperature that makes held-out probabilities honest: least negative log likelihood (Guo et al. 2017), found by
 * golden-section search over log T in [1/20, 20].
 */
export function fitTemperature(logits: readonly Float64Array[], truths: readonly number[]): number {
  const lossAt = (logTemperature: number): number =>
    logits.reduce((total, row, index) => total - logLikelihood(row, truths[index] ?? 0, Math.exp(logTemperature)), 0);
  const shrink = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(1 / 20);
  let high = Math.log(20);
  for (let step = 0; step < 60; step++) {
    const left = high - shrink * (high - low);
    const right = low + shrink * (high - low);
    if (lossAt(left) < lossAt(right)) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

function logLikelihood(logits: Float64Array, truth: number, temperature: number): number {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const total = logits.reduce((sum, logit) => sum + Math.exp((logit - highest) / temperature), 0);
  return ((logits[truth] ?? 0) - highest) / temperature - Math.log(total);
}

/** Share of defective frames allowed below `passBelow`, and of good frames allowed from `rejectFrom` on. */
export const LIMIT_SHARE = 0.05;

/**
 * Limits from out-of-fold scores: `passBelow` is the NG score below which 5 % of the defective frames lie, `rejectFrom`
 * the one above which 5 % of the good frames lie. Where the kinds are so far apart that the order would turn round,
 * both are the middle. No promise is attached: that is the certificate's business.
 */
export function chooseLimits(frames: readonly ScoredFrame[]): Omit<DecisionLimits, "temperature"> {
  const scoresOf = (defective: boolean): Float64Array =>
    Float64Array.from(
      frames.filter((frame) => frame.defective === defective),
      ({ ngScore }) => ngScore,
    ).sort();
  const passBelow = quantile(scoresOf(true), LIMIT_SHARE);
  const rejectFrom = quantile(scoresOf(false), 1 - LIMIT_SHARE);
  if (passBelow <= rejectFrom) return { passBelow, rejectFrom };
  const middle = (passBelow + rejectFrom) / 2;
  return { passBelow: middle, rejectFrom: middle };
}

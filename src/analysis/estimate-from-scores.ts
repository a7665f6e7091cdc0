import type { Interval } from "../statistics/intervals.ts";
import { normalCritical } from "../statistics/normal-distribution.ts";

/** A judged part, its NG score calibrated: the probability that the part is defective. */
export interface ScoredPart {
  readonly ngScore: number;
  readonly verdict: "pass" | "reject" | "review";
}

/** A share that nobody counted: what the scores expect. */
export interface ExpectedShare {
  /** 0 to 1; NaN-free: 0 where nothing is expected. */
  readonly share: number;
  /** 95 %, of the choice of parts alone: that the scores are calibrated is taken for granted. */
  readonly interval: Interval;
  /** Parts the share is expected to be of: not whole. */
  readonly trials: number;
}

export interface ScoreEstimate {
  readonly parts: number;
  /** Of the defective parts, those that pass. */
  readonly escapes: ExpectedShare;
  /** Of the good parts, those that are rejected. */
  readonly overkill: ExpectedShare;
}

/**
 * Error rates without labels, from calibrated scores: a passed part of NG score s counts as s escapes (confidence-based
 * estimation; Guillory et al., ICCV 2021, call the change of it difference of confidences). Right as far as the scores
 * are: a model that is surely wrong about parts it never saw says here that all is well.
 */
export const estimateFromScores = (parts: readonly ScoredPart[]): ScoreEstimate => ({
  parts: parts.length,
  escapes: expectedShare(parts.map(({ ngScore, verdict }) => ({ of: ngScore, isHit: verdict === "pass" }))),
  overkill: expectedShare(parts.map(({ ngScore, verdict }) => ({ of: 1 - ngScore, isHit: verdict === "reject" }))),
});

/** Ratio of two means over the same parts, with its linearised standard error (Cochran 1977, section 6.3). */
function expectedShare(parts: readonly { readonly of: number; readonly isHit: boolean }[]): ExpectedShare {
  const trials = parts.reduce((sum, { of }) => sum + of, 0);
  if (!(trials > 0)) return { share: 0, interval: { low: 0, high: 1 }, trials: 0 };
  const share = parts.reduce((sum, { of, isHit }) => sum + (isHit ? of : 0), 0) / trials;
  const residuals = parts.reduce((sum, { of, isHit }) => sum + (of * ((isHit ? 1 : 0) - share)) ** 2, 0);
  const half = (normalCritical(0.95) * Math.sqrt(residuals)) / trials;
  return { share, interval: { low: Math.max(0, share - half), high: Math.min(1, share + half) }, trials };
}

/** What the scores of labelled parts expected, beside what was counted. */
export interface Reckoning {
  readonly expected: number;
  readonly counted: number;
  /** False where so many, or so few, come about with a chance below 1 % if the scores are right. */
  readonly agrees: boolean;
}

export interface LabelledPart extends ScoredPart {
  readonly defective: boolean;
}

/** Escapes among the passed parts and overkill among the rejected: calibration in the large, verdict by verdict. */
export const reckonScores = (parts: readonly LabelledPart[]): { escapes: Reckoning; overkill: Reckoning } => ({
  escapes: reckon(
    parts
      .filter(({ verdict }) => verdict === "pass")
      .map(({ ngScore, defective }) => ({ chance: ngScore, isHit: defective })),
  ),
  overkill: reckon(
    parts
      .filter(({ verdict }) => verdict === "reject")
      .map(({ ngScore, defective }) => ({ chance: 1 - ngScore, isHit: !defective })),
  ),
});

/** Against the Poisson binomial distribution of the chances, normal with a correction for continuity. */
function reckon(parts: readonly { readonly chance: number; readonly isHit: boolean }[]): Reckoning {
  const expected = parts.reduce((sum, { chance }) => sum + chance, 0);
  const counted = parts.filter(({ isHit }) => isHit).length;
  const deviation = Math.sqrt(parts.reduce((sum, { chance }) => sum + chance * (1 - chance), 0));
  return { expected, counted, agrees: Math.abs(counted - expected) <= normalCritical(0.99) * deviation + 0.5 };
}

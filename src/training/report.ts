import type { DecisionLimits } from "../contracts/model-bundle.ts";
import { mean } from "../statistics/averages.ts";
import { bootstrapByPart, type Interval } from "../statistics/intervals.ts";
import { auroc, balancedAccuracy, confusion, type ScoredFrame, standardDeviation } from "./metrics.ts";
import { type PartShare, partShare } from "./part-share.ts";

const RESAMPLES = 1000;

/** A figure that never stands alone: pooled value, 95 % interval by resampling parts, and the spread of the folds. */
export interface Figure {
  readonly pooled: number;
  readonly interval: Interval;
  readonly folds: readonly number[];
  readonly foldMean: number;
  readonly foldStandardDeviation: number;
}

export interface QualityReport {
  readonly frames: number;
  readonly parts: number;
  readonly auroc: Figure;
  readonly balancedAccuracy: Figure;
  /** Defective, yet passed. */
  readonly escape: PartShare;
  /** Good, yet rejected. */
  readonly overkill: PartShare;
  /** Frames between the limits. */
  readonly reviewShare: number;
  readonly confusion: readonly (readonly number[])[];
}

export interface ReportOptions {
  readonly classCount: number;
  readonly limits: Omit<DecisionLimits, "temperature">;
  readonly seed: number;
}

/** Quality of out-of-fold scores; `folds[i]` is the fold of frame i. */
export function qualityReport(
  frames: readonly ScoredFrame[],
  folds: ArrayLike<number>,
  options: ReportOptions,
): QualityReport {
  const { limits, seed } = options;
  const perFold = [...Map.groupBy(frames.keys(), (index) => folds[index] ?? 0)]
    .sort(([a], [b]) => a - b)
    .map(([, indices]) => indices.flatMap((index) => frames[index] ?? []));
  const figure = (statistic: (chosen: readonly ScoredFrame[]) => number): Figure => {
    const values = perFold.map(statistic);
    return {
      pooled: statistic(frames),
      interval: bootstrapByPart(frames, statistic, { seed, resamples: RESAMPLES }),
      folds: values,
      foldMean: mean(values),
      foldStandardDeviation: standardDeviation(values),
    };
  };
  return {
    frames: frames.length,
    parts: new Set(frames.map(({ group }) => group)).size,
    auroc: figure(auroc),
    balancedAccuracy: figure(balancedAccuracy),
    escape: partShare(
      frames.filter(({ defective }) => defective),
      ({ ngScore }) => ngScore < limits.passBelow,
    ),
    overkill: partShare(
      frames.filter(({ defective }) => !defective),
      ({ ngScore }) => ngScore >= limits.rejectFrom,
    ),
    reviewShare:
      frames.filter(({ ngScore }) => ngScore >= limits.passBelow && ngScore < limits.rejectFrom).length / frames.length,
    confusion: confusion(frames, options.classCount),
  };
}

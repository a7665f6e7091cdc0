import { auroc, balancedAccuracy, type ScoredFrame, standardDeviation } from "./metrics.ts";
import { mean } from "../statistics/averages.ts";
import { partShare } from "./part-share.ts";
import type { Limits } from "./quality-figures.ts";
import { averagePrecision } from "./ranking.ts";

/** One figure of every fold; null where a fold does not have it. */
export interface FoldFigure {
  readonly perFold: readonly (number | null)[];
  readonly mean: number;
  /** Over the folds, n - 1. */
  readonly standardDeviation: number;
}

export interface FoldFigures {
  readonly frames: readonly number[];
  readonly auroc: FoldFigure;
  readonly averagePrecision: FoldFigure;
  readonly balancedAccuracy: FoldFigure;
  /** Share of defective parts passed. */
  readonly escape: FoldFigure;
  /** Share of good parts rejected. */
  readonly overkill: FoldFigure;
}

/** Figures of each fold by itself and their spread; `folds[i]` is the fold of frame i. */
export function foldFigures(frames: readonly ScoredFrame[], folds: ArrayLike<number>, limits: Limits): FoldFigures {
  const perFold = [...Map.groupBy(frames.keys(), (index) => folds[index] ?? 0)]
    .sort(([a], [b]) => a - b)
    .map(([, indices]) => indices.flatMap((index) => frames[index] ?? []));
  const figure = (statistic: (chosen: readonly ScoredFrame[]) => number): FoldFigure => {
    const values = perFold.map(statistic);
    const known = values.filter((value) => !Number.isNaN(value));
    return {
      perFold: values.map((value) => (Number.isNaN(value) ? null : value)),
      mean: known.length === 0 ? 0 : mean(known),
      standardDeviation: standardDeviation(known),
    };
  };
  const wrongShare = (defective: boolean, isWrong: (frame: ScoredFrame) => boolean) =>
    figure((chosen) => {
      const { parts, share } = partShare(
        chosen.filter((frame) => frame.defective === defective),
        isWrong,
      );
      return parts === 0 ? NaN : share;
    });
  return {
    frames: perFold.map(({ length }) => length),
    auroc: figure(auroc),
    averagePrecision: figure(averagePrecision),
    balancedAccuracy: figure(balancedAccuracy),
    escape: wrongShare(true, ({ ngScore }) => ngScore < limits.passBelow),
    overkill: wrongShare(false, ({ ngScore }) => ngScore >= limits.rejectFrom),
  };
}

import type { DecisionLimits, ModelClass } from "../contracts/model-bundle.ts";
import { bootstrapByPart, type Interval } from "../statistics/intervals.ts";
import { auroc, balancedAccuracy, type ScoredFrame } from "./metrics.ts";
import { type PartShare, partShare } from "./part-share.ts";
import { averagePrecision, type RankedItem, rankingIntervals } from "./ranking.ts";

/** A figure with its 95 % interval by resampling parts. Null where the data do not have it (one kind is missing). */
export interface IntervalFigure {
  readonly value: number;
  readonly interval: Interval;
}

export interface RankingFigures {
  readonly auroc: IntervalFigure | null;
  readonly averagePrecision: IntervalFigure | null;
}

export interface QualityFigures extends RankingFigures {
  readonly frames: number;
  readonly parts: number;
  /** Mean recall over the classes that occur; frames of unknown class left out. */
  readonly balancedAccuracy: IntervalFigure | null;
  /** Defective parts with a frame that passes. */
  readonly escape: PartShare;
  /** Good parts with a frame that is rejected. */
  readonly overkill: PartShare;
  /** Parts with a frame left to a person. */
  readonly review: PartShare;
}

export type Limits = Omit<DecisionLimits, "temperature">;

export interface FigureOptions {
  readonly limits: Limits;
  readonly seed: number;
  /** Of the bootstrap. */
  readonly resamples: number;
}

/** How good frames are judged, all counted by part. */
export function qualityFigures(frames: readonly ScoredFrame[], options: FigureOptions): QualityFigures {
  const { limits, seed, resamples } = options;
  const passes = ({ ngScore }: ScoredFrame): boolean => ngScore < limits.passBelow;
  const isRejected = ({ ngScore }: ScoredFrame): boolean => ngScore >= limits.rejectFrom;
  const ofKnownClass = frames.filter(({ truth }) => truth >= 0);
  const accuracy = ofKnownClass.length === 0 ? NaN : balancedAccuracy(ofKnownClass);
  return {
    frames: frames.length,
    parts: new Set(frames.map(({ group }) => group)).size,
    ...rankingFigures(frames, options),
    balancedAccuracy: Number.isNaN(accuracy)
      ? null
      : { value: accuracy, interval: bootstrapByPart(ofKnownClass, balancedAccuracy, { seed, resamples }) },
    escape: partShare(
      frames.filter(({ defective }) => defective),
      passes,
    ),
    overkill: partShare(
      frames.filter(({ defective }) => !defective),
      isRejected,
    ),
    review: partShare(frames, (frame) => !passes(frame) && !isRejected(frame)),
  };
}

/** AUROC and average precision of frames or regions. */
export function rankingFigures(
  items: readonly RankedItem[],
  options: { readonly seed: number; readonly resamples: number },
): RankingFigures {
  const value = auroc(items.map((item) => ({ ...item, truth: 0, guess: 0 })));
  if (Number.isNaN(value)) return { auroc: null, averagePrecision: null };
  const intervals = rankingIntervals(items, options);
  return {
    auroc: { value, interval: intervals.auroc },
    averagePrecision: { value: averagePrecision(items), interval: intervals.averagePrecision },
  };
}

export interface ClassRecall {
  readonly name: string;
  readonly kind: ModelClass["kind"];
  /** Parts not named rightly in every frame. */
  readonly misnamed: PartShare;
  /** Judged the wrong way: passed although a defect, rejected although good. */
  readonly misjudged: PartShare;
}

/** Recall of each label of the data, those the model does not know among them; recall = 1 - misnamed.share. */
export function classRecalls(
  frames: readonly (ScoredFrame & { readonly label: string })[],
  limits: Limits,
): ClassRecall[] {
  return [...Map.groupBy(frames, ({ label }) => label)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, ofClass]) => {
      const defective = ofClass[0]?.defective === true;
      return {
        name,
        kind: defective ? "defect" : "good",
        misnamed: partShare(ofClass, ({ truth, guess }) => truth !== guess),
        misjudged: partShare(ofClass, ({ ngScore }) =>
          defective ? ngScore < limits.passBelow : ngScore >= limits.rejectFrom,
        ),
      };
    });
}

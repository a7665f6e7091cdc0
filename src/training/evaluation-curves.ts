import {
  type ReliabilityBin,
  classwiseErrors,
  expectedCalibrationError,
  reliabilityBins,
  topLabelForecasts,
} from "./calibration-error.ts";
import type { JudgedFrame, JudgedRegion } from "./judged-frame.ts";
import { mean } from "../statistics/averages.ts";
import { type RankedItem, rankingPoints } from "./ranking.ts";
import { type RiskCoverage, riskCoverage } from "./risk-coverage.ts";

/** [x, y], both 0-1. */
export type CurvePoint = readonly [number, number];

export interface RankingCurves {
  /** [false positive rate, true positive rate]; empty where one kind is missing. */
  readonly roc: readonly CurvePoint[];
  /** [recall, precision]. */
  readonly precisionRecall: readonly CurvePoint[];
}

/** Enough for a plot; a report of 16,000 regions stays small. */
const MOST_POINTS = 240;

export function rankingCurves(items: readonly RankedItem[]): RankingCurves {
  const defective = items.filter((item) => item.defective).length;
  const good = items.length - defective;
  if (defective === 0 || good === 0) return { roc: [], precisionRecall: [] };
  const points = rankingPoints(items);
  const roc = points.map(({ foundDefective, falseAlarms }): CurvePoint => [
    falseAlarms / good,
    foundDefective / defective,
  ]);
  const precisionRecall = points.map(({ foundDefective, falseAlarms }): CurvePoint => [
    foundDefective / defective,
    foundDefective / (foundDefective + falseAlarms),
  ]);
  return { roc: thinned([[0, 0], ...roc]), precisionRecall: thinned(precisionRecall) };
}

/** Every so many points, first and last kept. */
export function thinned<T>(points: readonly T[], most = MOST_POINTS): T[] {
  if (points.length <= most) return [...points];
  const step = (points.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => points[Math.round(index * step)]).flatMap((point) =>
    point === undefined ? [] : [point],
  );
}

export interface ScoreHistogram {
  /** Counts of frames in equal bins of the NG score from 0 to 1. */
  readonly good: readonly number[];
  readonly defective: readonly number[];
}

const HISTOGRAM_BINS = 40;

export function scoreHistogram(frames: readonly RankedItem[]): ScoreHistogram {
  const good = new Array<number>(HISTOGRAM_BINS).fill(0);
  const defective = new Array<number>(HISTOGRAM_BINS).fill(0);
  for (const frame of frames) {
    const bin = Math.min(HISTOGRAM_BINS - 1, Math.floor(frame.ngScore * HISTOGRAM_BINS));
    const counts = frame.defective ? defective : good;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { good, defective };
}

/** Whether stated probabilities come true, on regions whose truth is known; null where there are none. */
export interface CalibrationFigures {
  readonly regions: number;
  /** Of the likeliest class, 15 bins. */
  readonly topLabelError: number;
  /** Mean over the classes. */
  readonly classwiseError: number;
  /** Of the NG score as the probability of a defect. */
  readonly ngScoreError: number;
  readonly topLabelBins: readonly ReliabilityBin[];
  readonly ngScoreBins: readonly ReliabilityBin[];
}

export function calibrationFigures(frames: readonly JudgedFrame[], classCount: number): CalibrationFigures | null {
  const known = frames
    .flatMap(({ regions }) => regions)
    .flatMap(({ probabilities, truth, ngScore, defective }) =>
      truth === null || truth < 0 || defective === null ? [] : [{ probabilities, truth, ngScore, defective }],
    );
  if (known.length === 0) return null;
  const topLabelBins = reliabilityBins(topLabelForecasts(known));
  const ngScoreBins = reliabilityBins(
    known.map(({ ngScore, defective }) => ({ probability: ngScore, happened: defective })),
  );
  return {
    regions: known.length,
    topLabelError: expectedCalibrationError(topLabelBins),
    classwiseError: mean(classwiseErrors(known, classCount)),
    ngScoreError: expectedCalibrationError(ngScoreBins),
    topLabelBins,
    ngScoreBins,
  };
}

/**
 * Risk against coverage of "good or not": a frame is called defective from an NG score of one half on, and is the surer
 * the farther it lies from there.
 */
export function inspectionRisk(frames: readonly RankedItem[]): RiskCoverage {
  const { points, aurc, augrc } = riskCoverage(
    frames.map(({ ngScore, defective }) => ({
      confidence: Math.abs(ngScore - 0.5),
      wrong: ngScore >= 0.5 !== defective,
    })),
  );
  return { points: thinned(points), aurc, augrc };
}

/** Regions whose truth the marks decide, as items to rank. */
export const decidedRegions = (frames: readonly JudgedFrame[]): RankedItem[] =>
  frames.flatMap(({ group, regions }) =>
    regions.flatMap(({ ngScore, defective }: JudgedRegion) =>
      defective === null ? [] : [{ group, ngScore, defective }],
    ),
  );

import type { BundleManifest, ModelClass } from "../contracts/model-bundle.ts";
import { verdictOf } from "../pipeline/decide/decide.ts";
import {
  type CalibrationFigures,
  calibrationFigures,
  decidedRegions,
  inspectionRisk,
  type RankingCurves,
  rankingCurves,
  type ScoreHistogram,
  scoreHistogram,
} from "./evaluation-curves.ts";
import { type FoldFigures, foldFigures } from "./fold-figures.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import { auroc } from "./metrics.ts";
import {
  type ClassRecall,
  classRecalls,
  type Limits,
  type QualityFigures,
  qualityFigures,
  type RankingFigures,
  rankingFigures,
} from "./quality-figures.ts";
import type { RiskCoverage } from "./risk-coverage.ts";

export interface SliceQuality {
  readonly column: string;
  readonly value: string;
  readonly quality: QualityFigures;
}

/** What int8 (or whatever model.onnx is) changed against checkpoint.onnx on the same frames. */
export interface Float32Agreement {
  readonly frames: number;
  /** Share of frames with the same verdict at the same limits. */
  readonly verdicts: number;
  /** Share of frames with the same likeliest class. */
  readonly classes: number;
  readonly largestScoreChange: number;
  readonly meanScoreChange: number;
  /** Of the checkpoint; null where one kind is missing. */
  readonly float32Auroc: number | null;
}

/** Wall time of one frame's regions through the model, as one batch, hand-over to its process included. */
export interface SpeedFigure {
  readonly threads: number;
  readonly runs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface MisjudgedFrame {
  readonly file: string;
  readonly sha256: string;
  readonly label: string;
  readonly part: string;
  readonly ngScore: number;
}

export interface ConfusionTable {
  /** Names of the columns: the model's classes. */
  readonly guesses: readonly string[];
  /** One row a label of the data. */
  readonly rows: readonly { readonly label: string; readonly counts: readonly number[] }[];
}

/** Everything an evaluation found, as JSON. */
export interface Evaluation {
  readonly schema: 1;
  readonly frames: number;
  readonly parts: { readonly good: number; readonly defective: number };
  readonly limits: Limits;
  readonly quality: QualityFigures;
  /** Of single regions, where the model cuts a frame into several and marks tell what each shows; else null. */
  readonly regions: (RankingFigures & { readonly count: number; readonly decided: number }) | null;
  readonly classes: readonly ClassRecall[];
  readonly confusion: ConfusionTable;
  readonly calibration: CalibrationFigures | null;
  readonly riskCoverage: RiskCoverage;
  readonly curves: RankingCurves;
  readonly histogram: ScoreHistogram;
  readonly slices: readonly SliceQuality[];
  readonly folds: FoldFigures | null;
  readonly agreement: Float32Agreement | null;
  readonly speed: readonly SpeedFigure[];
  /** Defective frames that pass, least suspicious first. */
  readonly worstEscapes: readonly MisjudgedFrame[];
  /** Good frames that are rejected, most suspicious first. */
  readonly worstOverkills: readonly MisjudgedFrame[];
}

export interface EvaluationOptions {
  readonly classes: readonly ModelClass[];
  readonly limits: Limits;
  readonly seed: number;
  /** Metadata columns to slice by. */
  readonly sliceBy: readonly string[];
  /** Fold in which each frame was held out, where the frames are out of fold. */
  readonly folds?: ArrayLike<number>;
  /** The same frames judged by the checkpoint. */
  readonly float32Frames?: readonly JudgedFrame[];
  readonly speed?: readonly SpeedFigure[];
}

const RESAMPLES = 1000;
/** Slices are many and small. */
const SLICE_RESAMPLES = 200;
const WORST = 12;

/** Evaluates judged frames; pure. The same frames and options give the same figures. */
export function evaluateFrames(frames: readonly JudgedFrame[], options: EvaluationOptions): Evaluation {
  const { classes, limits, seed, folds } = options;
  const figureOptions = { limits, seed, resamples: RESAMPLES };
  const partsOf = (wanted: boolean): number =>
    new Set(frames.filter(({ defective }) => defective === wanted).map(({ group }) => group)).size;
  return {
    schema: 1,
    frames: frames.length,
    parts: { good: partsOf(false), defective: partsOf(true) },
    limits: { passBelow: limits.passBelow, rejectFrom: limits.rejectFrom },
    quality: qualityFigures(frames, figureOptions),
    regions: regionFigures(frames, seed),
    classes: classRecalls(frames, limits),
    confusion: confusionTable(frames, classes),
    calibration: calibrationFigures(frames, classes.length),
    riskCoverage: inspectionRisk(frames),
    curves: rankingCurves(frames),
    histogram: scoreHistogram(frames),
    slices: options.sliceBy.flatMap((column) => slicesBy(frames, column, { limits, seed, resamples: SLICE_RESAMPLES })),
    folds: folds === undefined ? null : foldFigures(frames, folds, limits),
    agreement: options.float32Frames === undefined ? null : float32Agreement(frames, options.float32Frames, limits),
    speed: options.speed ?? [],
    worstEscapes: frames
      .filter(({ defective, ngScore }) => defective && ngScore < limits.passBelow)
      .sort((a, b) => a.ngScore - b.ngScore)
      .slice(0, WORST)
      .map(misjudged),
    worstOverkills: frames
      .filter(({ defective, ngScore }) => !defective && ngScore >= limits.rejectFrom)
      .sort((a, b) => b.ngScore - a.ngScore)
      .slice(0, WORST)
      .map(misjudged),
  };
}

const misjudged = ({ file, sha256, label, group, ngScore }: JudgedFrame): MisjudgedFrame => ({
  file,
  sha256,
  label,
  part: group.replace(/^\d+:/, ""),
  ngScore,
});

function regionFigures(frames: readonly JudgedFrame[], seed: number): Evaluation["regions"] {
  const count = frames.reduce((sum, { regions }) => sum + regions.length, 0);
  if (count === frames.length) return null;
  const decided = decidedRegions(frames);
  return { count, decided: decided.length, ...rankingFigures(decided, { seed, resamples: RESAMPLES }) };
}

function confusionTable(frames: readonly JudgedFrame[], classes: readonly ModelClass[]): ConfusionTable {
  const guesses = classes.map(({ name }) => name);
  const byLabel = Map.groupBy(frames, ({ label }) => label);
  const labels = [
    ...guesses.filter((name) => byLabel.has(name)),
    ...[...byLabel.keys()].filter((label) => !guesses.includes(label)).sort(),
  ];
  const rows = labels.map((label) => ({
    label,
    counts: guesses.map((_, guess) => byLabel.get(label)?.filter((frame) => frame.guess === guess).length ?? 0),
  }));
  return { guesses, rows };
}

function slicesBy(
  frames: readonly JudgedFrame[],
  column: string,
  options: Parameters<typeof qualityFigures>[1],
): SliceQuality[] {
  return [...Map.groupBy(frames, ({ metadata }) => metadata[column] ?? "")]
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([value, ofValue]) => ({ column, value, quality: qualityFigures(ofValue, options) }));
}

function float32Agreement(
  frames: readonly JudgedFrame[],
  float32Frames: readonly JudgedFrame[],
  limits: Limits,
): Float32Agreement {
  const pairs = frames.flatMap((frame, index) => {
    const float32 = float32Frames[index];
    return float32 === undefined ? [] : [{ frame, float32, change: Math.abs(frame.ngScore - float32.ngScore) }];
  });
  const shareOf = (holds: (pair: (typeof pairs)[number]) => boolean): number =>
    pairs.filter(holds).length / Math.max(1, pairs.length);
  const float32Auroc = auroc(float32Frames);
  return {
    frames: pairs.length,
    verdicts: shareOf(({ frame, float32 }) => verdictOf(frame.ngScore, limits) === verdictOf(float32.ngScore, limits)),
    classes: shareOf(({ frame, float32 }) => frame.guess === float32.guess),
    largestScoreChange: pairs.reduce((most, { change }) => Math.max(most, change), 0),
    meanScoreChange: pairs.reduce((sum, { change }) => sum + change, 0) / Math.max(1, pairs.length),
    float32Auroc: Number.isNaN(float32Auroc) ? null : float32Auroc,
  };
}

/** What a report says of the model beside its figures. */
export interface EvaluatedModel {
  readonly manifest: Pick<
    BundleManifest,
    "name" | "version" | "classes" | "input" | "regions" | "certificate" | "decision"
  >;
  readonly modelSha256: string;
  readonly modelBytes: number;
}

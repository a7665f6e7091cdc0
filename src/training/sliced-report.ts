import type { ModelClass, RegionPlan } from "../contracts/model-bundle.ts";
import { calibratedFrames, type HeldOutDecision } from "./held-out-decision.ts";
import { type JudgedFrame, likeliest } from "./judged-frame.ts";
import type { LearningSet } from "./learning-set.ts";
import type { ScoredFrame } from "./metrics.ts";
import { type QualityReport, qualityReport } from "./report.ts";

/** Held-out frames as uncalibrated models judged them, and the fold of each. */
export interface Judged {
  readonly frames: readonly JudgedFrame[];
  readonly folds: readonly number[];
}

export interface SlicedReport {
  readonly all: QualityReport;
  readonly bySource: readonly QualityReport[];
  /** Every region on its own; null where a frame is one region. */
  readonly regions: QualityReport | null;
}

interface ReportedJob {
  readonly set: LearningSet;
  readonly regions: RegionPlan;
  readonly seed: number;
  readonly classes: readonly ModelClass[];
}

/** Figures of held-out frames at a decision. */
export function slicedReport(
  { set, regions, seed, classes }: ReportedJob,
  { frames, folds }: Judged,
  { calibration, limits }: HeldOutDecision,
): SlicedReport {
  const scored = calibratedFrames(frames, calibration, classes);
  const options = { classCount: classes.length, limits, seed: seed };
  const sourceOf = new Map(set.samples.map(({ sha256, source }) => [sha256, source]));
  const sources = [...new Set(set.samples.map(({ source }) => source))].sort((a, b) => a - b);
  const bySource = sources.map((source) => {
    const indices = [...scored.keys()].filter((index) => sourceOf.get(scored[index]?.sha256 ?? "") === source);
    const chosen = indices.flatMap((index) => scored[index] ?? []);
    return qualityReport(
      chosen,
      indices.map((index) => folds[index] ?? 0),
      options,
    );
  });
  const cut = regions.mode === "full" ? null : regionsAsFrames(scored, folds);
  return {
    all: qualityReport(scored, folds, options),
    bySource,
    regions: cut === null ? null : qualityReport(cut.frames, cut.folds, options),
  };
}

function regionsAsFrames(
  frames: readonly JudgedFrame[],
  folds: readonly number[],
): { frames: ScoredFrame[]; folds: number[] } {
  const result: { frames: ScoredFrame[]; folds: number[] } = { frames: [], folds: [] };
  frames.forEach(({ group, regions }, index) => {
    for (const { probabilities, ngScore: score, truth, defective } of regions) {
      if (truth === null || defective === null) continue;
      result.frames.push({ group, defective, ngScore: score, truth, guess: likeliest(probabilities) });
      result.folds.push(folds[index] ?? 0);
    }
  });
  return result;
}

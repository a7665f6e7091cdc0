import type { DecisionLimits, ModelClass } from "../contracts/model-bundle.ts";
import { ngScore } from "../pipeline/decide/decide.ts";
import { chooseLimits } from "./calibrate-scores.ts";
import { calibratedProbabilities, fitCalibration, logitsBehind, type ScoreCalibration } from "./fit-calibration.ts";
import { regionLogits } from "./held-out.ts";
import { type JudgedFrame, likeliest } from "./judged-frame.ts";

/** How a model's scores are read: what is written into its graph, and the limits on the NG score. */
export interface HeldOutDecision {
  readonly calibration: ScoreCalibration;
  readonly limits: Omit<DecisionLimits, "temperature">;
}

/** What a graph does that was never calibrated. */
export const uncalibrated = (classes: readonly ModelClass[]): ScoreCalibration => ({
  temperature: 1,
  biases: classes.map(() => 0),
});

/** Calibration and limits from held-out frames that an uncalibrated model judged. */
export function decisionFrom(frames: readonly JudgedFrame[], classes: readonly ModelClass[]): HeldOutDecision {
  const { logits, truths } = regionLogits(frames, uncalibrated(classes));
  const calibration = fitCalibration(
    logits,
    truths,
    classes.map(({ kind }) => kind),
  );
  return { calibration, limits: chooseLimits(calibratedFrames(frames, calibration, classes)) };
}

/** Frames of an uncalibrated model as the calibrated one judges them; the worst region counts, as on the device. */
export function calibratedFrames(
  frames: readonly JudgedFrame[],
  calibration: ScoreCalibration,
  classes: readonly ModelClass[],
): JudgedFrame[] {
  const before = uncalibrated(classes);
  return frames.map((frame) => {
    const regions = frame.regions.map((region) => {
      const logits = logitsBehind(region.probabilities, before);
      const probabilities = Float32Array.from(calibratedProbabilities(logits, calibration));
      return { ...region, probabilities, ngScore: ngScore(probabilities, classes) };
    });
    const worst = regions.reduce((most, region) => (region.ngScore > most.ngScore ? region : most));
    const { probabilities } = worst;
    return { ...frame, regions, probabilities, ngScore: worst.ngScore, guess: likeliest(probabilities) };
  });
}

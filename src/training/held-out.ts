import { isSynthetic } from "../datasets/synthetic.ts";
import { logitsBehind, type ScoreCalibration } from "./fit-calibration.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import type { Sample } from "./learning-set.ts";

/** Frames that may certify a model, and why the others may not. */
export interface HeldOutFrames {
  readonly samples: readonly Sample[];
  /** Frames of parts of which any file was trained or stopped on. */
  readonly trained: readonly Sample[];
  /** Rendered frames: they show what somebody thought of, not what the line makes. */
  readonly synthetic: readonly Sample[];
}

/**
 * Splits off what must not certify. A part counts as trained on as soon as one of its files was. `trainingHashes` are
 * the lines of training-files.txt.
 */
export function heldOutFrames(samples: readonly Sample[], trainingHashes: ReadonlySet<string>): HeldOutFrames {
  const trainedParts = new Set(samples.filter(({ sha256 }) => trainingHashes.has(sha256)).map(({ group }) => group));
  const isTrained = ({ group }: Sample): boolean => trainedParts.has(group);
  return {
    samples: samples.filter((sample) => !isTrained(sample) && !isSynthetic(sample.image)),
    trained: samples.filter(isTrained),
    synthetic: samples.filter((sample) => !isTrained(sample) && isSynthetic(sample.image)),
  };
}

/** Logits, up to a constant, and class of every region whose truth the model knows: what a calibration is fitted on. */
export function regionLogits(
  frames: readonly JudgedFrame[],
  calibration: ScoreCalibration,
): { readonly logits: Float64Array[]; readonly truths: number[] } {
  const logits: Float64Array[] = [];
  const truths: number[] = [];
  for (const { regions } of frames) {
    for (const { probabilities, truth } of regions) {
      if (truth === null || truth < 0) continue;
      logits.push(logitsBehind(probabilities, calibration));
      truths.push(truth);
    }
  }
  return { logits, truths };
}

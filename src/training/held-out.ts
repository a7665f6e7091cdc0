import { isSynthetic } from "../datasets/synthetic.ts";
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

/** Logits and class of every region whose truth the model knows: what a temperature is fitted on. */
export function regionLogits(
  frames: readonly JudgedFrame[],
  temperature: number,
): { readonly logits: Float64Array[]; readonly truths: number[] } {
  const logits: Float64Array[] = [];
  const truths: number[] = [];
  for (const { regions } of frames) {
    for (const { probabilities, truth } of regions) {
      if (truth === null || truth < 0) continue;
      // Up to a constant the logits are the temperature times the log probabilities.
      logits.push(
        Float64Array.from(probabilities, (value) => temperature * Math.log(Math.max(value, LEAST_PROBABILITY))),
      );
      truths.push(truth);
    }
  }
  return { logits, truths };
}

/** Below what float32 softmax gives before it gives 0. */
const LEAST_PROBABILITY = 1e-38;

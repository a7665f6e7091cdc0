import type { PixelRect } from "../imaging/pixel-rect.ts";
import type { Sample } from "./learning-set.ts";
import type { ScoredFrame } from "./metrics.ts";

/** One region of a judged frame. */
export interface JudgedRegion {
  /** In px of the frame. */
  readonly rect: PixelRect;
  /** [classes], calibrated, as the model gave them. */
  readonly probabilities: Float32Array;
  readonly ngScore: number;
  /** Class index; -1 where the model does not know the label; null where the marks do not decide (region-label.ts). */
  readonly truth: number | null;
  readonly defective: boolean | null;
}

/** One frame with what a model said to it, decided as the device decides: the worst region counts. */
export interface JudgedFrame extends ScoredFrame {
  /** Relative to its data folder, forward slashes. */
  readonly file: string;
  readonly sha256: string;
  readonly label: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** [classes], of the worst region. */
  readonly probabilities: Float32Array;
  readonly regions: readonly JudgedRegion[];
}

/** What the label of a frame or region means to a model. */
export interface Truth {
  /** Class index; -1 where the model does not know the label. */
  readonly truth: number;
  readonly defective: boolean;
}

/** A frame from its judged regions, decided as the device decides. `regions` must not be empty. */
export function frameOf(sample: Sample, regions: readonly JudgedRegion[], truth: Truth): JudgedFrame {
  const worst = regions.reduce((most, region) => (region.ngScore > most.ngScore ? region : most));
  const { image, sha256, label, group } = sample;
  const { ngScore, probabilities } = worst;
  const { file, metadata } = image;
  const guess = likeliest(probabilities);
  return { file, sha256, label, metadata, group, ...truth, ngScore, guess, probabilities, regions };
}

/** Index of the greatest probability, the first of equal ones. */
export const likeliest = (probabilities: Float32Array): number =>
  probabilities.reduce((best, value, index) => (value > (probabilities[best] ?? -1) ? index : best), 0);

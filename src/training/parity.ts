import { SightlineError } from "../contracts/errors.ts";
import { type DecisionRules, verdictOf } from "../pipeline/decide/decide.ts";
import type { LayerError } from "./layer-errors.ts";
import { auroc, balancedAccuracy, type ScoredFrame } from "./metrics.ts";

/** What int8 costs on the same frames. Losses are float32 less int8; NaN where a kind of frame is missing. */
export interface Parity {
  readonly frames: number;
  readonly aurocLoss: number;
  readonly balancedAccuracyLoss: number;
  /** Share of frames with the same verdict: pass, review or reject. */
  readonly verdictAgreement: number;
  /** Share of frames given the same class. */
  readonly classAgreement: number;
  /** Largest difference of an NG score. */
  readonly largestScoreChange: number;
}

export interface LargestLoss {
  readonly auroc: number;
  readonly balancedAccuracy: number;
}
export const LARGEST_LOSS: LargestLoss = { auroc: 0.005, balancedAccuracy: 0.01 };

/** Layers named where int8 is refused. */
const NAMED_LAYERS = 3;

/** `float32` and `int8` hold the same frames in the same order. Throws an Error when they do not. */
export function parity(float32: readonly ScoredFrame[], int8: readonly ScoredFrame[], rules: DecisionRules): Parity {
  if (float32.length !== int8.length)
    throw new Error(`${float32.length} frames judged in float32, ${int8.length} in int8`);
  const pairs = float32.flatMap((frame, position) => {
    const other = int8[position];
    return other === undefined ? [] : [{ frame, other }];
  });
  const share = (agree: (pair: (typeof pairs)[number]) => boolean): number => pairs.filter(agree).length / pairs.length;
  return {
    frames: pairs.length,
    aurocLoss: auroc(float32) - auroc(int8),
    balancedAccuracyLoss: knownAccuracy(float32) - knownAccuracy(int8),
    verdictAgreement: share(({ frame, other }) => verdictOf(frame.ngScore, rules) === verdictOf(other.ngScore, rules)),
    classAgreement: share(({ frame, other }) => frame.guess === other.guess),
    largestScoreChange: pairs.reduce(
      (most, { frame, other }) => Math.max(most, Math.abs(frame.ngScore - other.ngScore)),
      0,
    ),
  };
}

/** Balanced accuracy over the frames whose class the model knows. */
export const knownAccuracy = (frames: readonly ScoredFrame[]): number =>
  balancedAccuracy(frames.filter(({ truth }) => truth >= 0));

export const isWithin = (cost: Parity, largest: LargestLoss): boolean =>
  !(cost.aurocLoss > largest.auroc) && !(cost.balancedAccuracyLoss > largest.balancedAccuracy);

/** Throws SightlineError QUANTIZATION_REFUSED that names the worst layers when int8 loses more than `largest`. */
export function requireParity(cost: Parity, largest: LargestLoss, layers: readonly LayerError[]): void {
  if (isWithin(cost, largest)) return;
  const worst = layers
    .slice(0, NAMED_LAYERS)
    .map(({ layer, signalToNoiseDb }) => `${layer} (${signalToNoiseDb.toFixed(1)} dB)`)
    .join(", ");
  throw new SightlineError(
    "QUANTIZATION_REFUSED",
    `AUROC fell by ${cost.aurocLoss.toFixed(4)} and balanced accuracy by ${cost.balancedAccuracyLoss.toFixed(4)}, allowed are ` +
      `${largest.auroc} and ${largest.balancedAccuracy}; the layers that add most noise: ${worst}. Nothing was written; ` +
      "try --method percentile, frames of every class and lighting for calibration, or a larger --max-loss",
  );
}

import type { PixelRect } from "../imaging/pixel-rect.ts";
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

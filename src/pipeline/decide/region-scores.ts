import type { PixelRect } from "../../imaging/pixel-rect.ts";

/** What the model said of one region. */
export interface RegionScores {
  /** Where the region lies in the frame. */
  readonly rect: PixelRect;
  /** [classes], calibrated, sums to 1. */
  readonly probabilities: Float32Array;
  /** [D], what the model saw in it. */
  readonly embedding: Float32Array;
  /** [classes, rows, cols], class activations. */
  readonly heatmap: Float32Array;
  readonly heatmapRows: number;
  readonly heatmapCols: number;
}

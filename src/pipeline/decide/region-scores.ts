/** Where a judged region lies in the frame, px. */
export interface RegionRect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the model said of one region. */
export interface RegionScores {
  readonly rect: RegionRect;
  /** [classes], calibrated, sums to 1. */
  readonly probabilities: Float32Array;
  /** [classes, rows, cols], class activations. */
  readonly heatmap: Float32Array;
  readonly heatmapRows: number;
  readonly heatmapCols: number;
}

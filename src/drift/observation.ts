/** What drift is looked for in, of one inspected frame. */
export interface DriftObservation {
  /** 0 to 255. */
  readonly brightness: number;
  /** Share of pixels of 5 or less, 0 to 1. */
  readonly darkShare: number;
  /** Share of pixels of 250 or more, 0 to 1. */
  readonly brightShare: number;
  /** See FrameStatistics.sharpness. */
  readonly sharpness: number;
  /** 0 to 1. */
  readonly ngScore: number;
  /** Probability of the likeliest class, 0 to 1. */
  readonly confidence: number;
  /** Of the worst region, float32 [D]; null where the model gave none. */
  readonly embedding: Float32Array | null;
}

/** Streams that are one number of a frame. */
export const PLAIN_STREAMS = ["brightness", "darkShare", "brightShare", "sharpness", "ngScore", "confidence"] as const;
export type PlainStream = (typeof PLAIN_STREAMS)[number];

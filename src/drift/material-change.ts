import { mean, median } from "../statistics/averages.ts";
import { DISTANCE_STREAM } from "./drift-reference.ts";
import type { PlainStream } from "./observation.ts";

/**
 * Changes below these cost a model nothing, however surely they are seen: on a line that shows the same few pictures over
 * and over, a hundredth of a grey level is as plain as day to a rank.
 */
const LEAST_CHANGE: { readonly [S in PlainStream]: number } = {
  brightness: 1,
  darkShare: 5e-4,
  brightShare: 5e-4,
  sharpness: 0.05,
  ngScore: 0.005,
  confidence: 0.005,
};
/** Whitened: standard deviations of the reference, of which 12 squares add up to the distance. */
const LEAST_DIRECTION = 0.2;
const LEAST_DISTANCE = 0.5;

export interface StreamChange {
  readonly stream: string;
  readonly direction: "up" | "down";
  /** Of the reference, ascending. */
  readonly quantiles: readonly number[];
  readonly newest: readonly number[];
}

/** Whether the newest values lie far enough in that direction of the reference's, by mean or by median, to matter. */
export function isMaterial({ stream, direction, quantiles, newest }: StreamChange): boolean {
  const sign = direction === "up" ? 1 : -1;
  const byMean = sign * (mean(newest) - mean(quantiles));
  const byMedian = sign * (median(newest) - median(quantiles));
  return Math.max(byMean, byMedian) >= leastChange(stream);
}

/** What the mean or the median of a stream must have moved by to matter. */
export const leastChangeOf = (stream: PlainStream): number => LEAST_CHANGE[stream];

function leastChange(stream: string): number {
  if (isPlain(stream)) return leastChangeOf(stream);
  return stream === DISTANCE_STREAM ? LEAST_DISTANCE : LEAST_DIRECTION;
}

const isPlain = (stream: string): stream is PlainStream => stream in LEAST_CHANGE;

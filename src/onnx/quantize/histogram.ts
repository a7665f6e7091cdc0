import type { TensorRange } from "./quantization-parameters.ts";

export const HISTOGRAM_BINS = 2048;

/** How often a tensor took which values: equal bins over [0, max], or over [-most, most] where it has a sign. */
export interface Histogram {
  /** Least and greatest value seen, of all values, not only of those counted. */
  readonly seen: TensorRange;
  readonly lowest: number;
  readonly binWidth: number;
  readonly counts: Float64Array;
}

export function emptyHistogram(seen: TensorRange, bins = HISTOGRAM_BINS): Histogram {
  const most = Math.max(Math.abs(seen.min), Math.abs(seen.max));
  const isSigned = seen.min < 0;
  return {
    seen,
    lowest: isSigned ? -most : 0,
    binWidth: (isSigned ? 2 * most : most) / bins,
    counts: new Float64Array(bins),
  };
}

/** Adds values; those outside of what was seen count in the outermost bins. */
export function countValues({ counts, lowest, binWidth }: Histogram, values: Float32Array): void {
  if (binWidth === 0) return;
  const last = counts.length - 1;
  for (const value of values) {
    const bin = Math.min(last, Math.max(0, Math.floor((value - lowest) / binWidth)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
}

export const upperEdge = ({ lowest, binWidth }: Histogram, bin: number): number => lowest + (bin + 1) * binWidth;

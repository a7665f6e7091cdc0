/** Weights of one output pixel add up to this. */
export const WEIGHT_ONE = 1 << 14;
/** The kernel works on four output pixels at once and looks up all four. */
const OUTPUTS_AT_ONCE = 4;

/** For every output pixel along one axis: its first source pixel, and `taps` weights in 1/2^14. */
export interface ResampleAxis {
  readonly outputs: number;
  readonly taps: number;
  /** Most source pixels any output pixel really uses; the other taps have weight zero. */
  readonly usedTaps: number;
  readonly starts: Int32Array;
  readonly weights: Int16Array;
}

interface Taps { readonly start: number; readonly weights: readonly number[] }

/**
 * Pixel i covers [i, i+1): its centre is i + 0.5. Shrinking averages the area an output pixel covers (source
 * pixels cut by its border count by their share); enlarging interpolates linearly between the two nearest centres and
 * repeats the border pixel; equal sizes copy. `taps` is rounded up to a multiple of `tapsMultiple`.
 */
export function planAxis(sourcePx: number, outputPx: number, tapsMultiple: number): ResampleAxis {
  const perOutput = Array.from({ length: outputPx }, (_, output) =>
    sourcePx > outputPx ? areaTaps(sourcePx, outputPx, output) : linearTaps(sourcePx, outputPx, output));
  const usedTaps = perOutput.reduce((most, { weights }) => Math.max(most, weights.length), 1);
  const taps = Math.ceil(usedTaps / tapsMultiple) * tapsMultiple;
  const rounded = Math.ceil(outputPx / OUTPUTS_AT_ONCE) * OUTPUTS_AT_ONCE;
  const starts = new Int32Array(rounded);
  const weights = new Int16Array(rounded * taps);
  for (const [output, { start, weights: own }] of perOutput.entries()) {
    starts[output] = start;
    weights.set(own, output * taps);
  }
  return { outputs: outputPx, taps, usedTaps, starts, weights };
}

/** The running sum is rounded, not the single weight, so that they add up to exactly one. */
function areaTaps(sourcePx: number, outputPx: number, output: number): Taps {
  const from = output * sourcePx; // in 1/outputPx of a source pixel: exact integers
  const start = Math.floor(from / outputPx);
  const end = Math.ceil((from + sourcePx) / outputPx);
  const covered = (source: number): number =>
    Math.round((Math.min(Math.max(source * outputPx - from, 0), sourcePx) * WEIGHT_ONE) / sourcePx);
  return { start, weights: Array.from({ length: end - start }, (_, tap) => covered(start + tap + 1) - covered(start + tap)) };
}

function linearTaps(sourcePx: number, outputPx: number, output: number): Taps {
  const centre = ((2 * output + 1) * sourcePx - outputPx) / (2 * outputPx);
  const inside = Math.min(Math.max(centre, 0), sourcePx - 1);
  const start = Math.floor(inside);
  const second = Math.round((inside - start) * WEIGHT_ONE);
  return second === 0 ? { start, weights: [WEIGHT_ONE] } : { start, weights: [WEIGHT_ONE - second, second] };
}

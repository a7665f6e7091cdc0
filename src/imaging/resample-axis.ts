/** Weights of one output pixel add up to this. */
export const WEIGHT_ONE = 1 << 14;
/** The kernel works on four output pixels at once and looks up all four. */
const OUTPUTS_AT_ONCE = 4;

/** For every output pixel along one axis: its first source pixel, and `taps` weights in 1/2^14. */
export interface ResampleAxis {
  readonly outputs: number;
  readonly taps: number;
  /** Most source pixels any output pixel can use; the other taps have weight zero. */
  readonly usedTaps: number;
  readonly starts: Int32Array;
  readonly weights: Int16Array;
}

/**
 * Pixel i covers [i, i+1): its centre is i + 0.5. Shrinking averages the area an output pixel covers (source
 * pixels cut by its border count by their share); enlarging interpolates linearly between the two nearest centres and
 * repeats the border pixel; equal sizes copy. `taps` is rounded up to a multiple of `tapsMultiple`.
 */
export function planAxis(sourcePx: number, outputPx: number, tapsMultiple: number): ResampleAxis {
  const usedTaps = sourcePx === outputPx ? 1 : Math.min(sourcePx, mostTaps(sourcePx, outputPx));
  const taps = Math.ceil(usedTaps / tapsMultiple) * tapsMultiple;
  const rounded = Math.ceil(outputPx / OUTPUTS_AT_ONCE) * OUTPUTS_AT_ONCE;
  const [starts, weights] = [new Int32Array(rounded), new Int16Array(rounded * taps)];
  const axis = { outputs: outputPx, taps, usedTaps, starts, weights };
  if (sourcePx > outputPx) fillAreas(axis, sourcePx);
  else fillLinear(axis, sourcePx);
  return axis;
}

/** An area of n/d pixels that starts at a multiple of 1/d touches at most this many. */
const mostTaps = (sourcePx: number, outputPx: number): number =>
  sourcePx < outputPx ? 2 : Math.ceil(sourcePx / outputPx) + (sourcePx % outputPx === 0 ? 0 : 1);

/** The running sum is rounded, not the single weight, so that the weights add up to exactly one. */
function fillAreas({ outputs, taps, starts, weights }: ResampleAxis, sourcePx: number): void {
  for (let output = 0; output < outputs; output++) {
    const from = output * sourcePx; // in 1/outputs of a source pixel: exact integers
    const start = Math.floor(from / outputs);
    starts[output] = start;
    let covered = 0;
    for (let tap = 0; covered < WEIGHT_ONE; tap++) {
      const until = Math.min((start + tap + 1) * outputs - from, sourcePx);
      const next = Math.floor((2 * until * WEIGHT_ONE + sourcePx) / (2 * sourcePx));
      weights[output * taps + tap] = next - covered;
      covered = next;
    }
  }
}

function fillLinear({ outputs, taps, starts, weights }: ResampleAxis, sourcePx: number): void {
  for (let output = 0; output < outputs; output++) {
    const centre = ((2 * output + 1) * sourcePx - outputs) / (2 * outputs);
    const inside = Math.min(Math.max(centre, 0), sourcePx - 1);
    const start = Math.floor(inside);
    const second = Math.round((inside - start) * WEIGHT_ONE);
    starts[output] = start;
    weights[output * taps] = WEIGHT_ONE - second;
    if (second > 0) weights[output * taps + 1] = second;
  }
}

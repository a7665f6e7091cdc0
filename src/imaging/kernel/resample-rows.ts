/** Weights of a pixel add up to 2^14; rows between the passes hold pixel values times 2^7 in 16 bits. */
const MIDDLE_SHIFT: i32 = 7;
const MIDDLE_ROUND: i32 = 1 << 6;
const OUTPUT_SHIFT: i32 = 21;
const OUTPUT_ROUND: i32 = 1 << 20;

/** Written by the caller as 32-bit integers in this order. Pointers are byte addresses. */
@unmanaged
export class ResampleJob {
  source: usize;
  sourceRowBytes: i32;
  /** Row of the region that `source` starts with. */
  firstSourceRow: i32;
  channels: i32;
  fromOutputRow: i32;
  toOutputRow: i32;
  outputWidth: i32;
  output: usize;
  middle: usize;
  verticalStarts: usize;
  verticalWeights: usize;
  /** A multiple of 2. */
  verticalTaps: i32;
  horizontalStarts: usize;
  horizontalWeights: usize;
  /** A multiple of 2 for 3 channels, of 8 for 1. */
  horizontalTaps: i32;
}

/** Output rows `fromOutputRow` up to but without `toOutputRow`, always as RGB. */
export function resampleRows(job: ResampleJob): void {
  for (let row = job.fromOutputRow; row < job.toOutputRow; row++) {
    const start = load<i32>(job.verticalStarts + (<usize>row << 2)) - job.firstSourceRow;
    const weights = job.verticalWeights + <usize>(row * job.verticalTaps * 2);
    const source = job.source + <usize>(start * job.sourceRowBytes);
    let pairs = job.verticalTaps >> 1; // weights of this row alone may be fewer
    while (pairs > 1 && load<i32>(weights + (<usize>(pairs - 1) << 2)) == 0) pairs--;
    blendRows(source, job.sourceRowBytes, weights, pairs, job.middle);
    const output = job.output + <usize>(row * job.outputWidth * 3);
    if (job.channels == 3) resampleColourRow(job, output);
    else resampleGreyRow(job, output);
  }
}

/** Weighted sum of `2 * pairs` rows of bytes into one row of 16-bit values; 16 columns at a time stay in registers. */
function blendRows(source: usize, rowBytes: i32, weights: usize, pairs: i32, middle: usize): void {
  const round = i32x4.splat(MIDDLE_ROUND);
  for (let x: i32 = 0; x < rowBytes; x += 16) {
    let sum0 = round;
    let sum1 = round;
    let sum2 = round;
    let sum3 = round;
    let at = source + <usize>x;
    for (let pair: i32 = 0; pair < pairs; pair++) {
      const weight = v128.load32_splat(weights + (<usize>pair << 2));
      const upper = v128.load(at);
      const lower = v128.load(at + <usize>rowBytes);
      at += <usize>(rowBytes << 1);
      const left = i8x16.shuffle(upper, lower, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const right = i8x16.shuffle(upper, lower, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      sum0 = i32x4.add(sum0, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(left), weight));
      sum1 = i32x4.add(sum1, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(left), weight));
      sum2 = i32x4.add(sum2, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(right), weight));
      sum3 = i32x4.add(sum3, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(right), weight));
    }
    const to = middle + (<usize>x << 1);
    v128.store(to, i16x8.narrow_i32x4_s(i32x4.shr_s(sum0, MIDDLE_SHIFT), i32x4.shr_s(sum1, MIDDLE_SHIFT)));
    v128.store(to, i16x8.narrow_i32x4_s(i32x4.shr_s(sum2, MIDDLE_SHIFT), i32x4.shr_s(sum3, MIDDLE_SHIFT)), 16);
  }
}

/**
 * Byte order that brings two RGB pixels of 16-bit values to R0R1 G0G1 B0B1. In memory, because V8 builds the mask of a
 * constant shuffle anew for every pixel.
 */
const BY_CHANNEL = memory.data<u8>([0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 4, 5, 10, 11], 16);

/** Two neighbouring RGB pixels a step: lanes R0R1 G0G1 B0B1 against the weight pair. */
function resampleColourRow(job: ResampleJob, output: usize): void {
  const middle = job.middle;
  const starts = job.horizontalStarts;
  const pairs = job.horizontalTaps >> 1;
  const width = job.outputWidth;
  const round = i32x4.splat(OUTPUT_ROUND);
  const byChannel = v128.load(BY_CHANNEL);
  let weights = job.horizontalWeights;
  for (let x: i32 = 0; x < width; x++) {
    let at = middle + <usize>(load<i32>(starts + (<usize>x << 2)) * 6);
    let sum = round;
    for (let pair: i32 = 0; pair < pairs; pair++) {
      const pixels = v128.load(at);
      const lanes = i8x16.swizzle(pixels, byChannel);
      sum = i32x4.add(sum, i32x4.dot_i16x8_s(lanes, v128.load32_splat(weights)));
      at += 12;
      weights += 4;
    }
    const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sum, OUTPUT_SHIFT), sum);
    store<i32>(output, i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0));
    output += 3;
  }
}

/** Four output pixels a step, each value written three times. */
function resampleGreyRow(job: ResampleJob, output: usize): void {
  const taps = job.horizontalTaps;
  const round = i32x4.splat(OUTPUT_ROUND);
  const width = job.outputWidth;
  let weights = job.horizontalWeights;
  let starts = job.horizontalStarts;
  const middle = job.middle;
  const weightBytes = <usize>(taps << 1);
  for (let x: i32 = 0; x < width; x += 4) {
    const a = greyDot(middle, starts, weights, taps);
    const b = greyDot(middle, starts + 4, weights + weightBytes, taps);
    const c = greyDot(middle, starts + 8, weights + 2 * weightBytes, taps);
    const d = greyDot(middle, starts + 12, weights + 3 * weightBytes, taps);
    const ab = i32x4.add(i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
      i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31));
    const cd = i32x4.add(i8x16.shuffle(c, d, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
      i8x16.shuffle(c, d, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31));
    const sums = i32x4.add(i8x16.shuffle(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
      i8x16.shuffle(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31));
    const grey = i32x4.shr_s(i32x4.add(sums, round), OUTPUT_SHIFT);
    v128.store(output, i8x16.shuffle(grey, grey, 0, 0, 0, 4, 4, 4, 8, 8, 8, 12, 12, 12, 0, 0, 0, 0));
    output += 12;
    weights += 4 * weightBytes;
    starts += 16;
  }
}

@inline
function greyDot(middle: usize, start: usize, weights: usize, taps: i32): v128 {
  const at = middle + (<usize>load<i32>(start) << 1);
  let sum = i32x4.dot_i16x8_s(v128.load(at), v128.load(weights));
  for (let tap: i32 = 8; tap < taps; tap += 8) {
    const offset = <usize>tap << 1;
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(at + offset), v128.load(weights + offset)));
  }
  return sum;
}

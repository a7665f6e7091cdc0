/** Written by the caller as 32-bit integers in this order. Pointers are byte addresses. */
@unmanaged
export class AverageJob {
  source: usize;
  sourceRowBytes: i32;
  /** Row of the region that `source` starts with. */
  firstSourceRow: i32;
  channels: i32;
  fromOutputRow: i32;
  toOutputRow: i32;
  outputWidth: i32;
  output: usize;
  /** Sums of a row's bytes over the rows of one output row, 16 bits each: at most 128 rows. */
  sums: usize;
  /** First source row of every output row, and one more that ends the last. */
  rowStarts: usize;
  columnStarts: usize;
  /** For every output column one 16-bit weight, 1 or 0, for each of `columnPairs` pairs of source columns. */
  columnWeights: usize;
  columnPairs: i32;
  /** For every output column the 32-bit float 1 / number of its source columns. */
  columnFactors: usize;
}

/** Output rows `fromOutputRow` up to but without `toOutputRow`, always as RGB: means of blocks of whole pixels. */
export function averageRows(job: AverageJob): void {
  for (let row = job.fromOutputRow; row < job.toOutputRow; row++) {
    const starts = job.rowStarts + (<usize>row << 2);
    const first = load<i32>(starts);
    const rows = load<i32>(starts, 4) - first;
    const source = job.source + <usize>((first - job.firstSourceRow) * job.sourceRowBytes);
    sumRows(source, job.sourceRowBytes, rows, job.sums);
    const output = job.output + <usize>(row * job.outputWidth * 3);
    if (job.channels == 3) averageColourRow(job, rows, output);
    else averageGreyRow(job, rows, output);
  }
}

/** 32 columns at a time stay in registers. */
function sumRows(source: usize, rowBytes: i32, rows: i32, sums: usize): void {
  for (let x: i32 = 0; x < rowBytes; x += 32) {
    let at = source + <usize>x;
    let bytes = v128.load(at);
    let more = v128.load(at, 16);
    let sum0 = i16x8.extend_low_i8x16_u(bytes);
    let sum1 = i16x8.extend_high_i8x16_u(bytes);
    let sum2 = i16x8.extend_low_i8x16_u(more);
    let sum3 = i16x8.extend_high_i8x16_u(more);
    for (let row: i32 = 1; row < rows; row++) {
      at += <usize>rowBytes;
      bytes = v128.load(at);
      more = v128.load(at, 16);
      sum0 = i16x8.add(sum0, i16x8.extend_low_i8x16_u(bytes));
      sum1 = i16x8.add(sum1, i16x8.extend_high_i8x16_u(bytes));
      sum2 = i16x8.add(sum2, i16x8.extend_low_i8x16_u(more));
      sum3 = i16x8.add(sum3, i16x8.extend_high_i8x16_u(more));
    }
    const to = sums + (<usize>x << 1);
    v128.store(to, sum0);
    v128.store(to, sum1, 16);
    v128.store(to, sum2, 32);
    v128.store(to, sum3, 48);
  }
}

/**
 * Byte order that brings two RGB pixels of 16-bit sums to R0R1 G0G1 B0B1. In memory, because V8 builds the mask of a
 * constant shuffle anew for every pixel.
 */
const TWO_PIXELS = memory.data<u8>([0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 128, 128, 128, 128], 16);

/** Two RGB pixels a step, as many steps for every output pixel: a branch that is hard to foresee costs more. */
function averageColourRow(job: AverageJob, rows: i32, output: usize): void {
  const twoPixels = v128.load(TWO_PIXELS);
  const rowFactor = f32x4.splat(1 / <f32>rows);
  const pairs = job.columnPairs;
  const width = job.outputWidth;
  const sums = job.sums;
  let starts = job.columnStarts;
  let weights = job.columnWeights;
  let factors = job.columnFactors;
  for (let x: i32 = 0; x < width; x++) {
    let at = sums + <usize>(load<i32>(starts) * 6);
    let sum = i32x4.splat(0);
    for (let pair: i32 = 0; pair < pairs; pair++) {
      const lanes = i8x16.swizzle(v128.load(at), twoPixels);
      sum = i32x4.add(sum, i32x4.dot_i16x8_s(lanes, v128.load32_splat(weights)));
      at += 12;
      weights += 4;
    }
    const mean = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(sum), rowFactor), v128.load32_splat(factors));
    const words = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(f32x4.nearest(mean)), sum);
    store<i32>(output, i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0));
    output += 3;
    starts += 4;
    factors += 4;
  }
}

function averageGreyRow(job: AverageJob, rows: i32, output: usize): void {
  const starts = job.columnStarts;
  let column = load<i32>(starts);
  for (let x: i32 = 0; x < job.outputWidth; x++) {
    const next = load<i32>(starts + (<usize>(x + 1) << 2));
    let sum: i32 = 0;
    for (let at = column; at < next; at++) sum += <i32>load<u16>(job.sums + (<usize>at << 1));
    const grey = <i32>nearest<f32>(<f32>sum * (1 / <f32>(rows * (next - column))));
    store<i32>(output, grey * 0x010101);
    output += 3;
    column = next;
  }
}

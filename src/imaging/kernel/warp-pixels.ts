/** Places are fixed-point numbers of 16 fraction bits; bilinear weights have 7, so that 255 * 128 stays below 2^15. */
const PLACE_SHIFT: i32 = 16;
const WEIGHT_SHIFT: i32 = 9;
const WEIGHT_ONE: i32 = 128;
const WEIGHT_MASK: i32 = 127;
const SUM_SHIFT: i32 = 14;
const SUM_ROUND: i32 = 1 << 13;

/** Written by the caller as 32-bit integers in this order. Pointers are byte addresses. */
@unmanaged
export class WarpJob {
  source: usize;
  width: i32;
  height: i32;
  /** Of source and output alike: 1 or 3. */
  channels: i32;
  output: usize;
  /** Place in the source of output pixel (x, y): x * xFromX + y * xFromY + xAtOrigin, and the same for y. */
  xFromX: i32;
  xFromY: i32;
  xAtOrigin: i32;
  yFromX: i32;
  yFromY: i32;
  yAtOrigin: i32;
  /** 1: outside, the source goes on mirrored (… b a | a b c | c b …); 0: with its edge pixels (… a a | a b c | c c …). */
  mirror: i32;
}

/** Bilinear samples at the mapped places. */
export function warpPixels(job: WarpJob): void {
  if (job.channels == 3) warpColour(job);
  else warpGrey(job);
}

/** Index within 0 to size - 1 for a place outside. */
function inside(at: i32, size: i32, mirror: i32): i32 {
  if (mirror == 0) return min(max(at, 0), size - 1);
  const period = size << 1;
  let within = at % period;
  if (within < 0) within += period;
  return within < size ? within : period - 1 - within;
}

function warpGrey(job: WarpJob): void {
  const source = job.source;
  const width = job.width;
  const height = job.height;
  const lastX = width - 1;
  const lastY = height - 1;
  const mirror = job.mirror;
  let output = job.output;
  for (let y: i32 = 0; y < height; y++) {
    let sourceX = y * job.xFromY + job.xAtOrigin;
    let sourceY = y * job.yFromY + job.yAtOrigin;
    for (let x: i32 = 0; x < width; x++) {
      const left = sourceX >> PLACE_SHIFT;
      const top = sourceY >> PLACE_SHIFT;
      const weightX = (sourceX >> WEIGHT_SHIFT) & WEIGHT_MASK;
      const weightY = (sourceY >> WEIGHT_SHIFT) & WEIGHT_MASK;
      let upperLeft: i32, upperRight: i32, lowerLeft: i32, lowerRight: i32;
      if (<u32>left < <u32>lastX && <u32>top < <u32>lastY) {
        const at = source + <usize>(top * width + left);
        upperLeft = load<u8>(at);
        upperRight = load<u8>(at, 1);
        lowerLeft = load<u8>(at + <usize>width);
        lowerRight = load<u8>(at + <usize>width, 1);
      } else {
        const near = inside(left, width, mirror);
        const far = inside(left + 1, width, mirror);
        const upper = source + <usize>(inside(top, height, mirror) * width);
        const lower = source + <usize>(inside(top + 1, height, mirror) * width);
        upperLeft = load<u8>(upper + <usize>near);
        upperRight = load<u8>(upper + <usize>far);
        lowerLeft = load<u8>(lower + <usize>near);
        lowerRight = load<u8>(lower + <usize>far);
      }
      const upper = upperLeft * (WEIGHT_ONE - weightX) + upperRight * weightX;
      const lower = lowerLeft * (WEIGHT_ONE - weightX) + lowerRight * weightX;
      store<u8>(output, <u8>((upper * (WEIGHT_ONE - weightY) + lower * weightY + SUM_ROUND) >> SUM_SHIFT));
      output++;
      sourceX += job.xFromX;
      sourceY += job.yFromX;
    }
  }
}

/** Brings R0 G0 B0 R1 G1 B1, 16 bits each, to R0R1 G0G1 B0B1; in memory as in resample-rows.ts. */
const BY_CHANNEL = memory.data<u8>([0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 4, 5, 10, 11], 16);

/** Needs 8 readable bytes at every pixel, and room for one byte after the output. */
function warpColour(job: WarpJob): void {
  const source = job.source;
  const width = job.width;
  const height = job.height;
  const rowBytes = <usize>(width * 3);
  const lastX = width - 1;
  const lastY = height - 1;
  const mirror = job.mirror;
  const byChannel = v128.load(BY_CHANNEL);
  const round = i32x4.splat(SUM_ROUND);
  let output = job.output;
  for (let y: i32 = 0; y < height; y++) {
    let sourceX = y * job.xFromY + job.xAtOrigin;
    let sourceY = y * job.yFromY + job.yAtOrigin;
    for (let x: i32 = 0; x < width; x++) {
      const left = sourceX >> PLACE_SHIFT;
      const top = sourceY >> PLACE_SHIFT;
      const weightX = (sourceX >> WEIGHT_SHIFT) & WEIGHT_MASK;
      const weightY = (sourceY >> WEIGHT_SHIFT) & WEIGHT_MASK;
      let upper: v128, lower: v128;
      if (<u32>left < <u32>lastX && <u32>top < <u32>lastY) {
        const at = source + <usize>((top * width + left) * 3);
        upper = v128.load8x8_u(at);
        lower = v128.load8x8_u(at + rowBytes);
      } else {
        const near = <usize>(inside(left, width, mirror) * 3);
        const far = <usize>(inside(left + 1, width, mirror) * 3);
        const upperRow = source + <usize>inside(top, height, mirror) * rowBytes;
        const lowerRow = source + <usize>inside(top + 1, height, mirror) * rowBytes;
        upper = twoPixels(upperRow + near, upperRow + far);
        lower = twoPixels(lowerRow + near, lowerRow + far);
      }
      const blended = i16x8.add(
        i16x8.mul(upper, i16x8.splat(<i16>(WEIGHT_ONE - weightY))),
        i16x8.mul(lower, i16x8.splat(<i16>weightY)),
      );
      const weights = i32x4.splat((weightX << 16) | (WEIGHT_ONE - weightX));
      const sums = i32x4.add(i32x4.dot_i16x8_s(i8x16.swizzle(blended, byChannel), weights), round);
      const words = i16x8.narrow_i32x4_s(i32x4.shr_s(sums, SUM_SHIFT), sums);
      store<i32>(output, i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0));
      output += 3;
      sourceX += job.xFromX;
      sourceY += job.yFromX;
    }
  }
}

@inline
function twoPixels(near: usize, far: usize): v128 {
  const low = <u64>load<u32>(near) & 0xffffff;
  const high = <u64>load<u32>(far) & 0xffffff;
  return i16x8.extend_low_i8x16_u(i64x2.splat(<i64>(low | (high << 24))));
}

/** Mean of every cell of a one-channel image over 255, as 32-bit floats, row by row. Cells differ by at most a pixel. */
export function averageCells(
  source: usize,
  width: i32,
  height: i32,
  columns: i32,
  rows: i32,
  output: usize,
): void {
  for (let row: i32 = 0; row < rows; row++) {
    const fromY = (row * height) / rows;
    const toY = max(((row + 1) * height) / rows, fromY + 1);
    for (let column: i32 = 0; column < columns; column++) {
      const fromX = (column * width) / columns;
      const toX = max(((column + 1) * width) / columns, fromX + 1);
      let sum: i32 = 0;
      for (let y = fromY; y < toY; y++) {
        const at = source + <usize>(y * width);
        for (let x = fromX; x < toX; x++) sum += <i32>load<u8>(at + <usize>x);
      }
      const whole: i32 = 255 * (toX - fromX) * (toY - fromY);
      store<f32>(output, <f32>sum / <f32>whole);
      output += 4;
    }
  }
}

/** Rec. 601 luma in 1/256. */
const RED_BLUE: i32 = 77 | (29 << 16);
const GREEN: i32 = 150;
const DARK_MAX: i32 = 5;
const BRIGHT_MIN: i32 = 250;
const CELLS: i32 = 32;
/** Vectors whose squared Laplacians (each at most 1020, two a lane) still fit 31 bits. */
const SQUARES_PER_BLOCK: i32 = 1000;
const HASH_PRIME: u64 = 0x9e3779b185ebca87;

let sum: i64 = 0;
let dark: i64 = 0;
let bright: i64 = 0;
let lapSum: i64 = 0;
let lapSquares: i64 = 0;
let hashA: u64 = 0;
let hashB: u64 = 0;
let hashC: u64 = 0;
let hashD: u64 = 0;

export function reset(): void {
  sum = 0;
  dark = 0;
  bright = 0;
  lapSum = 0;
  lapSquares = 0;
  hashA = 1;
  hashB = 2;
  hashC = 3;
  hashD = 4;
}

export function lumaSum(): f64 { return <f64>sum; }
export function darkCount(): f64 { return <f64>dark; }
export function brightCount(): f64 { return <f64>bright; }
export function laplacianSum(): f64 { return <f64>lapSum; }
export function laplacianSquares(): f64 { return <f64>lapSquares; }

export function contentHash(): u64 {
  let mixed = rotl<u64>(hashA, 1) + rotl<u64>(hashB, 7) + rotl<u64>(hashC, 12) + rotl<u64>(hashD, 18);
  mixed = (mixed ^ (mixed >> 33)) * 0xff51afd7ed558ccd;
  return mixed ^ (mixed >> 33);
}

/**
 * Takes three neighbouring rows into the statistics; `luma` is room for three rows of `width + 16` bytes. Adds the
 * luminance of 32 columns of cells to `cells` (u32).
 */
export function addRows(
  upper: usize, middle: usize, lower: usize, width: i32, channels: i32, luma: usize, cells: usize,
): void {
  hashRow(middle, width * channels);
  if (channels == 3) {
    const stride = <usize>(width + 16);
    toLuma(upper, luma, width);
    toLuma(middle, luma + stride, width);
    toLuma(lower, luma + 2 * stride, width);
    upper = luma;
    middle = luma + stride;
    lower = luma + 2 * stride;
  }
  countRow(upper, width);
  countRow(middle, width);
  countRow(lower, width);
  addCells(upper, middle, lower, width, cells);
  addLaplacian(upper, middle, lower, width);
}

/** Lanes of four bytes R G B B: red and blue are the even bytes, green the odd one that counts. */
@inline
function fourLumas(at: usize): v128 {
  const pixels = v128.load(at);
  const lanes = i8x16.shuffle(pixels, pixels, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
  const redBlue = i32x4.dot_i16x8_s(v128.and(lanes, i16x8.splat(255)), i32x4.splat(RED_BLUE));
  const green = i32x4.dot_i16x8_s(i16x8.shr_u(lanes, 8), i32x4.splat(GREEN));
  return i32x4.shr_u(i32x4.add(i32x4.add(redBlue, i32x4.splat(128)), green), 8);
}

function toLuma(rgb: usize, luma: usize, width: i32): void {
  for (let x: i32 = 0; x < width; x += 16) {
    const left = i16x8.narrow_i32x4_s(fourLumas(rgb), fourLumas(rgb + 12));
    const right = i16x8.narrow_i32x4_s(fourLumas(rgb + 24), fourLumas(rgb + 36));
    v128.store(luma, i8x16.narrow_i16x8_u(left, right));
    rgb += 48;
    luma += 16;
  }
}

@inline
function sumOfWords(lanes: v128): i64 {
  return <i64>i32x4.extract_lane(lanes, 0) + <i64>i32x4.extract_lane(lanes, 1) +
    <i64>i32x4.extract_lane(lanes, 2) + <i64>i32x4.extract_lane(lanes, 3);
}

@inline
function sumOfBytes(values: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(values));
}

function countRow(luma: usize, width: i32): void {
  const darkMax = i8x16.splat(<i8>DARK_MAX);
  const brightMin = i8x16.splat(<i8>BRIGHT_MIN);
  const one = i8x16.splat(1);
  let sums = i32x4.splat(0);
  let darks = i16x8.splat(0);
  let brights = i16x8.splat(0);
  let x: i32 = 0;
  for (; x + 16 <= width; x += 16) {
    const values = v128.load(luma + <usize>x);
    sums = i32x4.add(sums, sumOfBytes(values));
    darks = i16x8.add(darks, i16x8.extadd_pairwise_i8x16_u(v128.and(i8x16.le_u(values, darkMax), one)));
    brights = i16x8.add(brights, i16x8.extadd_pairwise_i8x16_u(v128.and(i8x16.ge_u(values, brightMin), one)));
  }
  sum += sumOfWords(sums);
  dark += sumOfWords(i32x4.extadd_pairwise_i16x8_u(darks));
  bright += sumOfWords(i32x4.extadd_pairwise_i16x8_u(brights));
  for (; x < width; x++) {
    const value = <i32>load<u8>(luma + <usize>x);
    sum += value;
    if (value <= DARK_MAX) dark++;
    if (value >= BRIGHT_MIN) bright++;
  }
}

function addCells(upper: usize, middle: usize, lower: usize, width: i32, cells: usize): void {
  for (let cell: i32 = 0; cell < CELLS; cell++) {
    let x = (cell * width) >> 5;
    const end = max(((cell + 1) * width) >> 5, x + 1);
    let sums = i32x4.splat(0);
    for (; x + 16 <= end; x += 16) {
      const at = <usize>x;
      sums = i32x4.add(sums, sumOfBytes(v128.load(upper + at)));
      sums = i32x4.add(sums, sumOfBytes(v128.load(middle + at)));
      sums = i32x4.add(sums, sumOfBytes(v128.load(lower + at)));
    }
    let total = <u32>sumOfWords(sums);
    for (; x < end; x++) {
      const at = <usize>x;
      total += <u32>load<u8>(upper + at) + <u32>load<u8>(middle + at) + <u32>load<u8>(lower + at);
    }
    store<u32>(cells + (<usize>cell << 2), total);
  }
}

function addLaplacian(upper: usize, middle: usize, lower: usize, width: i32): void {
  let x: i32 = 1;
  while (x + 9 <= width) {
    let sums = i32x4.splat(0);
    let squares = i32x4.splat(0);
    const blockEnd = min(width - 9, x + 8 * SQUARES_PER_BLOCK);
    for (; x <= blockEnd; x += 8) {
      const at = <usize>x;
      const centre = v128.load8x8_u(middle + at);
      const sides = i16x8.add(v128.load8x8_u(middle + at - 1), v128.load8x8_u(middle + at + 1));
      const ends = i16x8.add(v128.load8x8_u(upper + at), v128.load8x8_u(lower + at));
      const laplacian = i16x8.sub(i16x8.shl(centre, 2), i16x8.add(sides, ends));
      sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(laplacian));
      squares = i32x4.add(squares, i32x4.dot_i16x8_s(laplacian, laplacian));
    }
    lapSum += sumOfWords(sums);
    lapSquares += sumOfWords(squares);
  }
  for (; x < width - 1; x++) {
    const at = <usize>x;
    const sides = <i32>load<u8>(middle + at - 1) + <i32>load<u8>(middle + at + 1);
    const laplacian = (<i32>load<u8>(middle + at) << 2) - sides - <i32>load<u8>(upper + at) - <i32>load<u8>(lower + at);
    lapSum += laplacian;
    lapSquares += laplacian * laplacian;
  }
}

@inline
function mix(hash: u64, word: u64): u64 {
  return rotl<u64>((hash ^ word) * HASH_PRIME, 29);
}

function hashRow(row: usize, bytes: i32): void {
  let a = hashA;
  let b = hashB;
  let c = hashC;
  let d = hashD;
  const end = row + <usize>bytes;
  for (; row + 32 <= end; row += 32) {
    a = mix(a, load<u64>(row));
    b = mix(b, load<u64>(row, 8));
    c = mix(c, load<u64>(row, 16));
    d = mix(d, load<u64>(row, 24));
  }
  for (; row < end; row++) a = mix(a, <u64>load<u8>(row));
  hashA = a;
  hashB = b;
  hashC = c;
  hashD = d;
}

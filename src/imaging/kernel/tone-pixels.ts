/** Sums of four random bytes have mean 510. */
const NOISE_MEAN: i16 = 510;

/** Written by the caller as 32-bit integers in this order. Pointers are byte addresses. */
@unmanaged
export class ToneJob {
  /** Changed in place. */
  pixels: usize;
  byteCount: i32;
  /** 256 bytes; 0: values stay. */
  table: usize;
  /** Deviation of the noise in levels times 2^15 / 147.8; 0: none. */
  noiseScale: i32;
  /** Eight 32-bit seeds, none 0. */
  seeds: usize;
}

/**
 * A lookup table, then bell-shaped noise: four uniform bytes added up (Irwin-Hall, deviation 147.8) and scaled, from
 * eight xorshift32 generators (Marsaglia, 2003). Same seeds, same bytes, on every machine.
 */
export function tonePixels(job: ToneJob): void {
  if (job.table != 0) lookUp(job.pixels, job.byteCount, job.table);
  if (job.noiseScale != 0) addNoise(job);
}

function lookUp(pixels: usize, count: i32, table: usize): void {
  const end = pixels + <usize>count;
  for (; pixels + 4 <= end; pixels += 4) {
    const word = load<u32>(pixels);
    const low = load<u8>(table + <usize>(word & 255)) | ((<u32>load<u8>(table + <usize>((word >> 8) & 255))) << 8);
    const high = load<u8>(table + <usize>((word >> 16) & 255)) | ((<u32>load<u8>(table + <usize>(word >> 24))) << 8);
    store<u32>(pixels, <u32>low | (<u32>high << 16));
  }
  for (; pixels < end; pixels++) store<u8>(pixels, load<u8>(table + <usize>load<u8>(pixels)));
}

@inline
function nextRandom(state: v128): v128 {
  state = v128.xor(state, i32x4.shl(state, 13));
  state = v128.xor(state, i32x4.shr_u(state, 17));
  return v128.xor(state, i32x4.shl(state, 5));
}

/** Writes up to 7 bytes past the end. */
function addNoise(job: ToneJob): void {
  let first = v128.load(job.seeds);
  let second = v128.load(job.seeds, 16);
  const scale = i16x8.splat(<i16>job.noiseScale);
  const mean = i16x8.splat(NOISE_MEAN);
  const end = job.pixels + <usize>job.byteCount;
  for (let at = job.pixels; at < end; at += 8) {
    first = nextRandom(first);
    second = nextRandom(second);
    const sums = i16x8.add(i16x8.extadd_pairwise_i8x16_u(first), i16x8.extadd_pairwise_i8x16_u(second));
    const noise = i16x8.q15mulr_sat_s(i16x8.sub(sums, mean), scale);
    const words = i16x8.add(v128.load8x8_u(at), noise);
    v128.store64_lane(at, i8x16.narrow_i16x8_u(words, words), 0);
  }
}

/** Four grey pixels a step, each value written three times; writes up to 16 bytes past the end. */
export function greyToRgb(source: usize, count: i32, output: usize): void {
  const thrice = v128.load(THRICE);
  for (let at: i32 = 0; at < count; at += 4) {
    v128.store(output, i8x16.swizzle(v128.load32_zero(source + <usize>at), thrice));
    output += 12;
  }
}

/** In memory as in resample-rows.ts. */
const THRICE = memory.data<u8>([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3], 16);

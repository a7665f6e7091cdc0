/** Weights are 8-bit fractions that add up to 256 over all taps, so that sums fit into unsigned 16 bits. */
const ROUND: i16 = 128;

/** Written by the caller as 32-bit integers in this order. Pointers are byte addresses. */
@unmanaged
export class BlurJob {
  source: usize;
  width: i32;
  height: i32;
  channels: i32;
  output: usize;
  /** Taps on either side of the middle; below width and height. */
  radius: i32;
  /** radius + 1 weights of 32 bits, the middle one first. */
  weights: usize;
  /** Room for a row of width + 2 * radius pixels. */
  middle: usize;
}

/** A separable symmetric filter; outside, the image goes on mirrored (… b a | a b c | c b …). */
export function blurPixels(job: BlurJob): void {
  const channels = job.channels;
  const rowBytes = job.width * channels;
  const padBytes = job.radius * channels;
  const row = job.middle + <usize>padBytes;
  for (let y: i32 = 0; y < job.height; y++) {
    blurDown(job, y, rowBytes, row);
    for (let pixel: i32 = 0; pixel < job.radius; pixel++) {
      for (let channel: i32 = 0; channel < channels; channel++) {
        const inward = pixel * channels + channel;
        const last = (job.width - 1 - pixel) * channels + channel;
        store<u8>(row - <usize>((pixel + 1) * channels) + <usize>channel, load<u8>(row + <usize>inward));
        store<u8>(row + <usize>((job.width + pixel) * channels + channel), load<u8>(row + <usize>last));
      }
    }
    blurAcross(job, rowBytes, row, job.output + <usize>(y * rowBytes));
  }
}

function blurDown(job: BlurJob, y: i32, rowBytes: i32, output: usize): void {
  const height = job.height;
  for (let x: i32 = 0; x < rowBytes; x += 8) {
    const column = job.source + <usize>x;
    let sum = i16x8.mul(v128.load8x8_u(column + <usize>(y * rowBytes)), i16x8.splat(<i16>load<i32>(job.weights)));
    for (let tap: i32 = 1; tap <= job.radius; tap++) {
      const up = y >= tap ? y - tap : tap - y - 1;
      const down = y + tap < height ? y + tap : 2 * height - 1 - y - tap;
      const pair = i16x8.add(
        v128.load8x8_u(column + <usize>(up * rowBytes)),
        v128.load8x8_u(column + <usize>(down * rowBytes)),
      );
      sum = i16x8.add(sum, i16x8.mul(pair, i16x8.splat(<i16>load<i32>(job.weights + (<usize>tap << 2)))));
    }
    storeBytes(output + <usize>x, sum);
  }
}

function blurAcross(job: BlurJob, rowBytes: i32, row: usize, output: usize): void {
  for (let x: i32 = 0; x < rowBytes; x += 8) {
    const at = row + <usize>x;
    let sum = i16x8.mul(v128.load8x8_u(at), i16x8.splat(<i16>load<i32>(job.weights)));
    for (let tap: i32 = 1; tap <= job.radius; tap++) {
      const stepBytes = <usize>(tap * job.channels);
      const pair = i16x8.add(v128.load8x8_u(at - stepBytes), v128.load8x8_u(at + stepBytes));
      sum = i16x8.add(sum, i16x8.mul(pair, i16x8.splat(<i16>load<i32>(job.weights + (<usize>tap << 2)))));
    }
    storeBytes(output + <usize>x, sum);
  }
}

@inline
function storeBytes(output: usize, sums: v128): void {
  const words = i16x8.shr_u(i16x8.add(sums, i16x8.splat(ROUND)), 8);
  v128.store64_lane(output, i8x16.narrow_i16x8_u(words, words), 0);
}

import { seededRandom } from "../platform/random.ts";
import { type InverseMap, inverseMap, isStill, STILL } from "./affine.ts";
import type { Image } from "./image.ts";
import { type Kernel, layOut } from "./kernel-memory.ts";
import type { OutputSize } from "./resample.ts";

/** How a picture goes on beyond its edge: with its edge pixels (… a a | a b c …) or mirrored (… b a | a b c …). */
export type Outside = "edge" | "mirror";

/** One augmentation in figures: blur, then movement, then tone, then noise. */
export interface PixelChange {
  readonly map: InverseMap;
  readonly outside: Outside;
  /** Gaussian; 0 to MAX_BLUR_SIGMA_PX. */
  readonly blurSigmaPx: number;
  /** New value of every value: 256 bytes; null: values stay. */
  readonly tone: Uint8Array | null;
  /** Standard deviation in levels of 256; 0 to MAX_NOISE_SIGMA_LEVELS. Grey images get grey noise. */
  readonly noiseSigmaLevels: number;
  readonly noiseSeed: number;
}

type Moved = Pick<PixelChange, "map" | "outside">;

export interface CellGrid {
  readonly columns: number;
  readonly rows: number;
}

/** A change that changes nothing. */
export const unchanged = (size: OutputSize): PixelChange => ({
  map: inverseMap(STILL, size),
  outside: "edge",
  blurSigmaPx: 0,
  tone: null,
  noiseSigmaLevels: 0,
  noiseSeed: 0,
});

export const MAX_BLUR_SIGMA_PX = 2;
export const MAX_NOISE_SIGMA_LEVELS = 50;

const JOB_BYTES = 64;
const SEED_COUNT = 8;
/** Deviation of the sum of four uniform bytes, see kernel/tone-pixels.ts. */
const BYTE_SUM_DEVIATION = Math.sqrt((4 * (65_536 - 1)) / 12);
const TONE_BYTES = 256;
const MAX_RADIUS_PX = 5;
/** Beyond this, coordinates times 65,536 could leave 32 bits. */
const MAX_SIDE_PX = 4096;

/**
 * Writes a changed canvas to `output` from `offset` as RGB of the same size (interleaved; grey fills all channels).
 * An unchanged one, flips, quarter turns and whole shifts are exact copies; everything else is bilinear on 1/128 px,
 * with `outside` where it reaches beyond the canvas. The same bytes on every machine. Throws RangeError for values out of range.
 */
export function augmentToRgb(canvas: Image, change: PixelChange, output: Uint8Array, offset: number): void {
  const { widthPx, heightPx, channels } = canvas;
  const pixelCount = widthPx * heightPx;
  const sourceBytes = pixelCount * channels;
  assertUsable(canvas, change, output.length - offset - pixelCount * 3);
  const { kernel, at } = layOut([
    JOB_BYTES,
    SEED_COUNT * 4,
    TONE_BYTES,
    (MAX_RADIUS_PX + 1) * 4,
    (widthPx + 2 * MAX_RADIUS_PX) * channels,
    sourceBytes,
    sourceBytes,
    pixelCount * 3,
  ] as const);
  const [job, seeds, table, weights, row, first, second, rgb] = at;
  let current = first;
  let spare = second;
  const swap = (): void => void ([current, spare] = [spare, current]);
  kernel.bytes.set(canvas.pixels.subarray(0, sourceBytes), current);
  const radius = fillWeights(change.blurSigmaPx, kernel.words.subarray(weights / 4));
  if (radius > 0 && radius < Math.min(widthPx, heightPx)) {
    kernel.words.set([current, widthPx, heightPx, channels, spare, radius, weights, row], job / 4);
    kernel.blurPixels(job);
    swap();
  }
  if (!isStill(change.map)) {
    warp(kernel, job, { source: current, output: spare, canvas, change });
    swap();
  }
  if (change.tone !== null) kernel.bytes.set(change.tone, table);
  const noiseScale = Math.round((change.noiseSigmaLevels / BYTE_SUM_DEVIATION) * 32_768);
  if (noiseScale > 0) kernel.words.set(noiseSeeds(change.noiseSeed), seeds / 4);
  kernel.words.set([current, sourceBytes, change.tone === null ? 0 : table, noiseScale, seeds], job / 4);
  kernel.tonePixels(job);
  if (channels === 1) kernel.greyToRgb(current, pixelCount, rgb);
  const from = channels === 1 ? rgb : current;
  output.set(kernel.bytes.subarray(from, from + pixelCount * 3), offset);
}

/**
 * Moves a one-channel mask (0 to 255) as augmentToRgb moves its canvas and writes the mean of every cell, 0 to 1, row by
 * row to `output` from `offset`: float32 [rows, columns].
 */
export function coverageOf(mask: Image, change: Moved, cells: CellGrid, output: Float32Array, offset: number): void {
  const { widthPx, heightPx } = mask;
  if (mask.channels !== 1) throw new RangeError("a mask has one channel");
  assertSize(mask);
  if (cells.columns > widthPx || cells.rows > heightPx) throw new RangeError("there are more cells than pixels");
  const count = cells.columns * cells.rows;
  if (output.length - offset < count) throw new RangeError("the output is too short");
  const maskBytes = widthPx * heightPx;
  const { kernel, at } = layOut([JOB_BYTES, maskBytes, maskBytes, count * 4] as const);
  const [job, source, moved, result] = at;
  kernel.bytes.set(mask.pixels.subarray(0, maskBytes), source);
  const still = isStill(change.map);
  if (!still) warp(kernel, job, { source, output: moved, canvas: mask, change });
  kernel.averageCells(still ? source : moved, widthPx, heightPx, cells.columns, cells.rows, result);
  output.set(kernel.floats.subarray(result / 4, result / 4 + count), offset);
}

/** In the order of WarpJob in kernel/warp-pixels.ts. */
function warp(
  kernel: Kernel,
  job: number,
  { source, output, canvas, change }: { source: number; output: number; canvas: Image; change: Moved },
): void {
  const { widthPx, heightPx, channels } = canvas;
  const { map } = change;
  const places = [map.xFromX, map.xFromY, map.xAtOrigin, map.yFromX, map.yFromY, map.yAtOrigin];
  const mirror = change.outside === "mirror" ? 1 : 0;
  kernel.words.set([source, widthPx, heightPx, channels, output, ...places, mirror], job / 4);
  kernel.warpPixels(job);
}

/** Gaussian weights, the middle one first, that add up to 256 over both sides. Returns the radius; 0: no blur. */
function fillWeights(sigmaPx: number, weights: Int32Array): number {
  const radius = Math.min(MAX_RADIUS_PX, Math.ceil(3 * sigmaPx));
  if (radius === 0) return 0;
  const bells = Array.from({ length: radius + 1 }, (_, tap) => Math.exp(-(tap * tap) / (2 * sigmaPx * sigmaPx)));
  const total = bells.reduce((sum, bell, tap) => sum + (tap === 0 ? bell : 2 * bell), 0);
  let rest = 256;
  for (let tap = radius; tap > 0; tap--) {
    const weight = Math.round((256 * (bells[tap] ?? 0)) / total);
    weights[tap] = weight;
    rest -= 2 * weight;
  }
  weights[0] = rest;
  return radius;
}

function noiseSeeds(seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: SEED_COUNT }, () => Math.floor(random() * 0xffff_ffff) + 1);
}

function assertUsable(canvas: Image, change: PixelChange, spareBytes: number): void {
  assertSize(canvas);
  if (!(spareBytes >= 0)) throw new RangeError("the output is too short");
  if (change.tone !== null && change.tone.length !== TONE_BYTES) throw new RangeError("a tone table has 256 bytes");
  if (!(change.blurSigmaPx >= 0 && change.blurSigmaPx <= MAX_BLUR_SIGMA_PX)) {
    throw new RangeError(`a blur of ${change.blurSigmaPx} px is not within 0 to ${MAX_BLUR_SIGMA_PX}`);
  }
  if (!(change.noiseSigmaLevels >= 0 && change.noiseSigmaLevels <= MAX_NOISE_SIGMA_LEVELS)) {
    throw new RangeError(`noise of ${change.noiseSigmaLevels} levels is not within 0 to ${MAX_NOISE_SIGMA_LEVELS}`);
  }
}

function assertSize({ pixels, widthPx, heightPx, channels }: Image): void {
  if (Math.min(widthPx, heightPx) < 1 || Math.max(widthPx, heightPx) > MAX_SIDE_PX) {
    throw new RangeError(`a canvas of ${widthPx}x${heightPx} px is not within 1 to ${MAX_SIDE_PX} px a side`);
  }
  if (pixels.length < widthPx * heightPx * channels) throw new RangeError("the canvas has too few bytes for its size");
}

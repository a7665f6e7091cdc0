import type { Image } from "./image.ts";
import { layOut, type Kernel } from "./kernel-memory.ts";

/** What can be said of a frame without judging it. Luminance is Rec. 601 luma, 0 black to 255 white. */
export interface FrameStatistics {
  readonly meanLuminance: number;
  /** Share of pixels with luminance 5 or less, 0 to 1. */
  readonly darkShare: number;
  /** Share of pixels with luminance 250 or more, 0 to 1. */
  readonly brightShare: number;
  /**
   * Standard deviation of the 4-neighbour Laplacian at full resolution, in percent of the mean luminance: unchanged by
   * exposure, falls when focus is lost; sensor noise sets its floor. 0 for images under 3 px a side.
   */
  readonly sharpness: number;
  /** Equal for equal frames; differs, but for one chance in 2^64, when a sampled row differs in any bit. */
  readonly contentHash: bigint;
  /**
   * The last two rows (or the only one) are one colour, not saturated white, while the rest of the frame is not: what a
   * raw frame looks like whose end never arrived.
   */
  readonly flatBottomRows: boolean;
  /** 32 x 32 luminances, row by row, of the sampled rows averaged over 32 x 32 cells; where it was asked for. */
  readonly thumbnail: Uint8Array | undefined;
}

export interface StatisticsWanted {
  /** Also the thumbnail, which takes twice as many rows. */
  readonly thumbnail: boolean;
}

export const THUMBNAIL_SIDE = 32;
/** Groups of three neighbouring rows, spread evenly over the height, that stand for the frame. */
const GROUPS = 16;
/** One group a row of the thumbnail. */
const THUMBNAIL_GROUPS = THUMBNAIL_SIDE;
const CELL_ROW_BYTES = THUMBNAIL_SIDE * 4;
const SATURATED = 250;

/** Looks at 48 rows of a frame (96 with a thumbnail), or at all of a frame with fewer; a tenth of a millisecond. */
export function frameStatistics(image: Image, wanted: StatisticsWanted): FrameStatistics {
  const { widthPx, heightPx, channels } = image;
  const mostGroups = wanted.thumbnail ? THUMBNAIL_GROUPS : GROUPS;
  const groups = Math.max(1, Math.min(mostGroups, Math.floor(heightPx / 3)));
  const rowBytes = widthPx * channels;
  const { kernel, at } = layOut([rowBytes * 3, 3 * (widthPx + 16), groups * CELL_ROW_BYTES] as const);
  const [rows, luma, cells] = at;
  const lastRow = Math.min(2, heightPx - 1);
  kernel.reset();
  for (let group = 0; group < groups; group++) {
    const first = firstRowOf(group, groups, heightPx) * rowBytes;
    kernel.bytes.set(image.pixels.subarray(first, first + (lastRow + 1) * rowBytes), rows);
    const middle = rows + Math.min(1, lastRow) * rowBytes;
    kernel.addRows(rows, middle, rows + lastRow * rowBytes, widthPx, channels, luma, cells + group * CELL_ROW_BYTES);
  }
  const laplacians = heightPx < 3 ? 0 : groups * Math.max(0, widthPx - 2);
  return summarise(kernel, { image, groups, laplacians, cells, wanted });
}

const firstRowOf = (group: number, groups: number, heightPx: number): number =>
  Math.max(0, Math.min(heightPx - 3, Math.floor(((2 * group + 1) * heightPx) / (2 * groups)) - 1));

interface Sampled {
  readonly image: Image;
  readonly groups: number;
  /** Pixels whose Laplacian was taken. */
  readonly laplacians: number;
  readonly cells: number;
  readonly wanted: StatisticsWanted;
}

function summarise(kernel: Kernel, { image, groups, laplacians, cells, wanted }: Sampled): FrameStatistics {
  const sampledPixels = groups * 3 * image.widthPx;
  const meanLuminance = kernel.lumaSum() / sampledPixels;
  const mean = kernel.laplacianSum() / Math.max(1, laplacians);
  const variance = laplacians === 0 ? 0 : Math.max(0, kernel.laplacianSquares() / laplacians - mean * mean);
  return {
    meanLuminance,
    darkShare: kernel.darkCount() / sampledPixels,
    brightShare: kernel.brightCount() / sampledPixels,
    sharpness: (100 * Math.sqrt(variance)) / Math.max(1, meanLuminance),
    contentHash: BigInt.asUintN(64, kernel.contentHash()),
    flatBottomRows: hasFlatBottom(image),
    thumbnail: wanted.thumbnail ? thumbnailOf(kernel.words.subarray(cells / 4), groups, image.widthPx) : undefined,
  };
}

/** `cellSums`: per group of rows, the luminance of its three rows in each of 32 columns of cells. */
function thumbnailOf(cellSums: Int32Array, groups: number, widthPx: number): Uint8Array {
  const thumbnail = new Uint8Array(THUMBNAIL_SIDE * THUMBNAIL_SIDE);
  for (let column = 0; column < THUMBNAIL_SIDE; column++) {
    const left = Math.floor((column * widthPx) / THUMBNAIL_SIDE);
    const cellPx = Math.max(1, Math.floor(((column + 1) * widthPx) / THUMBNAIL_SIDE) - left);
    for (let row = 0; row < THUMBNAIL_SIDE; row++) {
      const from = Math.floor((row * groups) / THUMBNAIL_SIDE);
      const to = Math.max(from + 1, Math.floor(((row + 1) * groups) / THUMBNAIL_SIDE));
      let sum = 0;
      for (let group = from; group < to; group++) sum += cellSums[group * THUMBNAIL_SIDE + column] ?? 0;
      thumbnail[row * THUMBNAIL_SIDE + column] = Math.round(sum / ((to - from) * 3 * cellPx));
    }
  }
  return thumbnail;
}

function hasFlatBottom(image: Image): boolean {
  const { pixels, widthPx, heightPx, channels } = image;
  if (heightPx < 2 || widthPx < 2) return false;
  const rowBytes = widthPx * channels;
  const whole = Buffer.from(pixels.buffer, pixels.byteOffset, rowBytes * heightPx);
  const flatFrom = (start: number): boolean =>
    // every pixel equals the one before it
    whole.subarray(start, whole.length - channels).equals(whole.subarray(start + channels));
  const lastPixel = whole.subarray(whole.length - channels);
  return flatFrom(rowBytes * (heightPx - 2)) && lastPixel.some((value) => value < SATURATED) && !flatFrom(0);
}

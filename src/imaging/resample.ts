import type { Image } from "./image.ts";
import { layOut } from "./kernel-memory.ts";
import type { PixelRect } from "./pixel-rect.ts";
import { planAxis, type ResampleAxis } from "./resample-axis.ts";

/** Of the result, in pixels. */
export interface OutputSize {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Source bytes handed over at once: little enough to stay in a core's cache between the copy and its use. */
const CHUNK_BYTES = 196_608;
const JOB_BYTES = 64;
const PLANS_KEPT = 64;

const plans = new Map<string, ResampleAxis>();
const blocks = new Map<string, AxisBlocks>();

/** From this factor on, on both axes, the borders of output pixels are moved to whole source pixels. */
const LARGE_SHRINK = 2;
/** The kernel adds up as many rows in 16 bits. */
const MOST_SHRINK = 120;

/**
 * Cuts `rect` out of `image` and writes it to `output` from `offset` as RGB rows of `size` (bytes, interleaved; grey is
 * written to all three channels). Pixels outside `rect` have no influence. Filter and pixel centres: see planAxis; when
 * both axes shrink at least twofold, every source pixel counts wholly for the one output pixel that covers most of it,
 * which moves borders by at most a quarter of an output pixel and takes half the time.
 * At most 1 off the exact value, and the same bytes on every machine.
 * Throws RangeError when `rect` is not within the image or `output` is too short.
 */
export function resampleToRgb(
  image: Image,
  rect: PixelRect,
  size: OutputSize,
  output: Uint8Array,
  offset: number,
): void {
  const outputBytes = size.widthPx * size.heightPx * 3;
  assertFits(image, rect, output.length - offset - outputBytes);
  const shrink = [rect.widthPx / size.widthPx, rect.heightPx / size.heightPx];
  if (Math.min(...shrink) >= LARGE_SHRINK && Math.max(...shrink) <= MOST_SHRINK) {
    averageBlocks(image, rect, size, output.subarray(offset, offset + outputBytes));
    return;
  }
  const vertical = axisPlan(rect.heightPx, size.heightPx, 2);
  const horizontal = axisPlan(rect.widthPx, size.widthPx, image.channels === 3 ? 2 : 8);
  const rowBytes = rect.widthPx * image.channels;
  const rowsAtOnce = Math.max(vertical.usedTaps, Math.min(Math.floor(CHUNK_BYTES / rowBytes), rect.heightPx));
  const { kernel, at } = layOut([
    JOB_BYTES,
    vertical.starts.byteLength,
    vertical.weights.byteLength,
    horizontal.starts.byteLength,
    horizontal.weights.byteLength,
    rowBytes * 2,
    outputBytes,
    rowBytes * (rowsAtOnce + vertical.taps),
  ] as const);
  const [job, verticalStarts, verticalWeights, horizontalStarts, horizontalWeights, middle, outputAt, source] = at;
  kernel.words.set(vertical.starts, verticalStarts / 4);
  kernel.shorts.set(vertical.weights, verticalWeights / 2);
  kernel.words.set(horizontal.starts, horizontalStarts / 4);
  kernel.shorts.set(horizontal.weights, horizontalWeights / 2);
  for (const { from, to, firstRow, endRow } of chunks(vertical, rowsAtOnce, rect.heightPx)) {
    copyRows(image, rect, { firstRow, endRow }, kernel.bytes.subarray(source));
    // In the order of ResampleJob in kernel/resample-rows.ts.
    kernel.words.set(
      [
        source,
        rowBytes,
        firstRow,
        image.channels,
        from,
        to,
        size.widthPx,
        outputAt,
        middle,
        verticalStarts,
        verticalWeights,
        vertical.taps,
        horizontalStarts,
        horizontalWeights,
        horizontal.taps,
      ],
      job / 4,
    );
    kernel.resampleRows(job);
  }
  output.set(kernel.bytes.subarray(outputAt, outputAt + outputBytes), offset);
}

/** Means of blocks of whole pixels. `output` has exactly the result's bytes. */
function averageBlocks(image: Image, rect: PixelRect, size: OutputSize, output: Uint8Array): void {
  const rows = axisBlocks(rect.heightPx, size.heightPx).starts;
  const columns = axisBlocks(rect.widthPx, size.widthPx);
  const rowBytes = rect.widthPx * image.channels;
  const mostRows = Math.ceil(rect.heightPx / size.heightPx) + 1;
  const rowsAtOnce = Math.max(mostRows, Math.floor(CHUNK_BYTES / rowBytes));
  const { kernel, at } = layOut([
    JOB_BYTES,
    rows.byteLength,
    columns.starts.byteLength,
    columns.weights.byteLength,
    columns.factors.byteLength,
    rowBytes * 2,
    output.length,
    rowBytes * rowsAtOnce,
  ] as const);
  const [job, rowStarts, columnStarts, columnWeights, columnFactors, sums, outputAt, source] = at;
  kernel.words.set(rows, rowStarts / 4);
  kernel.words.set(columns.starts, columnStarts / 4);
  kernel.shorts.set(columns.weights, columnWeights / 2);
  kernel.bytes.set(new Uint8Array(columns.factors.buffer), columnFactors);
  for (let from = 0; from < size.heightPx;) {
    const firstRow = rows[from] ?? 0;
    let to = from + 1;
    while (to < size.heightPx && (rows[to + 1] ?? 0) - firstRow <= rowsAtOnce) to++;
    copyRows(image, rect, { firstRow, endRow: rows[to] ?? 0 }, kernel.bytes.subarray(source));
    // In the order of AverageJob in kernel/average-rows.ts.
    kernel.words.set(
      [
        source,
        rowBytes,
        firstRow,
        image.channels,
        from,
        to,
        size.widthPx,
        outputAt,
        sums,
        rowStarts,
        columnStarts,
        columnWeights,
        columns.pairs,
        columnFactors,
      ],
      job / 4,
    );
    kernel.averageRows(job);
    from = to;
  }
  output.set(kernel.bytes.subarray(outputAt, outputAt + output.length));
}

interface AxisBlocks {
  /** First source pixel of every output pixel, and one more that ends the last. */
  readonly starts: Int32Array;
  /** Pairs of source pixels of the largest block. */
  readonly pairs: number;
  /** For every output pixel `2 * pairs` weights: 1 for its own source pixels, 0 for the next one's. */
  readonly weights: Int16Array;
  readonly factors: Float32Array;
}

function axisBlocks(sourcePx: number, outputPx: number): AxisBlocks {
  const key = `${sourcePx} ${outputPx}`;
  const known = blocks.get(key);
  if (known !== undefined) return known;
  const starts = Int32Array.from({ length: outputPx + 1 }, (_, output) => Math.round((output * sourcePx) / outputPx));
  const lengths = Array.from({ length: outputPx }, (_, output) => (starts[output + 1] ?? 0) - (starts[output] ?? 0));
  const pairs = Math.ceil(Math.max(...lengths) / 2);
  const weights = Int16Array.from(
    lengths.flatMap((length) => Array.from({ length: 2 * pairs }, (_, at) => (at < length ? 1 : 0))),
  );
  const found = { starts, pairs, weights, factors: Float32Array.from(lengths, (length) => 1 / length) };
  if (blocks.size >= PLANS_KEPT) blocks.clear();
  blocks.set(key, found);
  return found;
}

function assertFits(image: Image, rect: PixelRect, spareBytes: number): void {
  const { xPx, yPx, widthPx, heightPx } = rect;
  const whole = [xPx, yPx, widthPx, heightPx].every(Number.isInteger);
  const inside =
    xPx >= 0 &&
    yPx >= 0 &&
    widthPx > 0 &&
    heightPx > 0 &&
    xPx + widthPx <= image.widthPx &&
    yPx + heightPx <= image.heightPx;
  if (!whole || !inside) {
    const region = `region ${widthPx}x${heightPx}+${xPx}+${yPx} px`;
    throw new RangeError(`${region} is not within the image of ${image.widthPx}x${image.heightPx} px`);
  }
  const imageBytes = image.widthPx * image.heightPx * image.channels;
  if (image.pixels.length < imageBytes) throw new RangeError("the image has too few bytes for its size");
  if (!(spareBytes >= 0)) throw new RangeError("the output is too short");
}

function axisPlan(sourcePx: number, outputPx: number, tapsMultiple: number): ResampleAxis {
  const key = `${sourcePx} ${outputPx} ${tapsMultiple}`;
  const known = plans.get(key);
  if (known !== undefined) return known;
  const plan = planAxis(sourcePx, outputPx, tapsMultiple);
  if (plans.size >= PLANS_KEPT) plans.clear();
  plans.set(key, plan);
  return plan;
}

interface Chunk {
  /** Output rows `from` up to but without `to` need source rows `firstRow` up to but without `endRow`. */
  readonly from: number;
  readonly to: number;
  readonly firstRow: number;
  readonly endRow: number;
}

function chunks({ outputs, usedTaps, starts }: ResampleAxis, rowsAtOnce: number, sourceRows: number): Chunk[] {
  const found: Chunk[] = [];
  for (let from = 0; from < outputs;) {
    const firstRow = starts[from] ?? 0;
    let to = from + 1;
    while (to < outputs && (starts[to] ?? 0) + usedTaps <= firstRow + rowsAtOnce) to++;
    found.push({ from, to, firstRow, endRow: Math.min((starts[to - 1] ?? 0) + usedTaps, sourceRows) });
    from = to;
  }
  return found;
}

/** Rows of `rect`, counted from its top, packed one after another at the start of `target`. */
function copyRows(
  image: Image,
  rect: PixelRect,
  { firstRow, endRow }: { firstRow: number; endRow: number },
  target: Uint8Array,
): void {
  const imageRowBytes = image.widthPx * image.channels;
  const rowBytes = rect.widthPx * image.channels;
  const start = (rect.yPx + firstRow) * imageRowBytes + rect.xPx * image.channels;
  const count = endRow - firstRow;
  if (rowBytes === imageRowBytes) {
    target.set(image.pixels.subarray(start, start + count * rowBytes));
    return;
  }
  for (let row = 0; row < count; row++) {
    const from = start + row * imageRowBytes;
    target.set(image.pixels.subarray(from, from + rowBytes), row * rowBytes);
  }
}

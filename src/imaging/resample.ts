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

/**
 * Cuts `rect` out of `image` and writes it to `output` from `offset` as RGB rows of `size` (bytes, interleaved; grey is
 * written to all three channels). Pixels outside `rect` have no influence. Filter and pixel centres: see planAxis.
 * Integer arithmetic throughout: at most 1 off the exact value, and the same bytes on every machine.
 * Throws RangeError when `rect` is not within the image or `output` is too short.
 */
export function resampleToRgb(
  image: Image, rect: PixelRect, size: OutputSize, output: Uint8Array, offset: number,
): void {
  const outputBytes = size.widthPx * size.heightPx * 3;
  assertFits(image, rect, output.length - offset - outputBytes);
  const vertical = axisPlan(rect.heightPx, size.heightPx, 2);
  const horizontal = axisPlan(rect.widthPx, size.widthPx, image.channels === 3 ? 2 : 8);
  const rowBytes = rect.widthPx * image.channels;
  const rowsAtOnce = Math.max(vertical.usedTaps, Math.min(Math.floor(CHUNK_BYTES / rowBytes), rect.heightPx));
  const { kernel, at } = layOut([
    JOB_BYTES, vertical.starts.byteLength, vertical.weights.byteLength, horizontal.starts.byteLength,
    horizontal.weights.byteLength, rowBytes * 2, outputBytes, rowBytes * (rowsAtOnce + vertical.taps),
  ] as const);
  const [job, verticalStarts, verticalWeights, horizontalStarts, horizontalWeights, middle, outputAt, source] = at;
  kernel.words.set(vertical.starts, verticalStarts / 4);
  kernel.shorts.set(vertical.weights, verticalWeights / 2);
  kernel.words.set(horizontal.starts, horizontalStarts / 4);
  kernel.shorts.set(horizontal.weights, horizontalWeights / 2);
  for (const { from, to, firstRow, endRow } of chunks(vertical, rowsAtOnce, rect.heightPx)) {
    copyRows(image, rect, { firstRow, endRow }, kernel.bytes.subarray(source));
    // In the order of ResampleJob in kernel/resample-rows.ts.
    kernel.words.set([
      source, rowBytes, firstRow, image.channels, from, to, size.widthPx, outputAt, middle, verticalStarts,
      verticalWeights, vertical.taps, horizontalStarts, horizontalWeights, horizontal.taps,
    ], job / 4);
    kernel.resampleRows(job);
  }
  output.set(kernel.bytes.subarray(outputAt, outputAt + outputBytes), offset);
}

function assertFits(image: Image, rect: PixelRect, spareBytes: number): void {
  const { xPx, yPx, widthPx, heightPx } = rect;
  const whole = [xPx, yPx, widthPx, heightPx].every(Number.isInteger);
  const inside = xPx >= 0 && yPx >= 0 && widthPx > 0 && heightPx > 0 &&
    xPx + widthPx <= image.widthPx && yPx + heightPx <= image.heightPx;
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
  image: Image, rect: PixelRect, { firstRow, endRow }: { firstRow: number; endRow: number }, target: Uint8Array,
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

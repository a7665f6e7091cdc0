import type { Image } from "../../imaging/image.ts";
import { resampleToRgb } from "../../imaging/resample.ts";
import type { FrameSize, RegionRect } from "./plan-regions.ts";

export { planRegions, type FrameSize, type RegionRect } from "./plan-regions.ts";

/** Bytes of a batch of `regions` inputs. */
export const batchBytes = (regions: number, input: FrameSize): number => regions * input.heightPx * input.widthPx * 3;

/**
 * The model's input: uint8 [N, H, W, 3], one item a region in the order of `rects`, RGB, 0 to 255; grey fills all three
 * channels, proportions are not kept. The device and training both come through here, so that a model sees in service
 * what it was trained on. Writes to the start of `batch` and returns that part of it; without one, to fresh memory that
 * may be transferred to another thread.
 * Throws RangeError when a rectangle is not within the image or `batch` is too short.
 */
export function preprocess(
  image: Image,
  rects: readonly RegionRect[],
  input: FrameSize,
  batch?: Uint8Array,
): Uint8Array {
  const itemBytes = batchBytes(1, input);
  const output = batch ?? new Uint8Array(rects.length * itemBytes);
  for (const [item, rect] of rects.entries()) resampleToRgb(image, rect, input, output, item * itemBytes);
  return output.subarray(0, rects.length * itemBytes);
}

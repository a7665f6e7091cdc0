import type { Image } from "../imaging/image.ts";
import type { PixelRect } from "../imaging/pixel-rect.ts";
import { batchBytes, preprocess } from "../pipeline/preprocess/preprocess.ts";
import type { DefectBox } from "../datasets/data-folder.ts";
import type { InputSizePx } from "./model-pixels.ts";
import { firstChannel } from "./first-channel.ts";

/**
 * Where a region shows a defect, at the model's input size: null where nobody said, "clear" where it shows none, else
 * the smallest rectangle around all of it, one byte a pixel, 0 (sound) to 255 (defect).
 */
export type RegionMask = null | "clear" | (PixelRect & { readonly pixels: Uint8Array });

/** The whole mask as a one-channel canvas of the input size. */
export function maskCanvas(mask: RegionMask, size: InputSizePx): Image {
  const pixels = new Uint8Array(size.widthPx * size.heightPx);
  if (mask !== null && mask !== "clear") {
    for (let row = 0; row < mask.heightPx; row++) {
      const from = row * mask.widthPx;
      const to = (mask.yPx + row) * size.widthPx + mask.xPx;
      pixels.set(mask.pixels.subarray(from, from + mask.widthPx), to);
    }
  }
  return { ...size, pixels, channels: 1 };
}

/** Defect in it, px of the input (partly covered ones count partly). */
export function maskAreaPx(mask: RegionMask): number {
  if (mask === null || mask === "clear") return 0;
  let sum = 0;
  for (const value of mask.pixels) sum += value;
  return sum / 255;
}

/** Mask of a region of a frame from the frame's own mask, brought to the input size as the frame's pixels are. */
export function maskFromImage(frameMask: Image, rect: PixelRect, size: InputSizePx): RegionMask {
  const rgb = preprocess(frameMask, [rect], size, new Uint8Array(batchBytes(1, size)));
  return cropped(firstChannel(rgb), size);
}

/** The same from boxes in px of the frame, each widened to whole pixels. */
export function maskFromBoxes(boxes: readonly DefectBox[], rect: PixelRect, size: InputSizePx): RegionMask {
  const { widthPx, heightPx } = rect;
  const pixels = new Uint8Array(widthPx * heightPx);
  for (const box of boxes) {
    const left = Math.max(0, Math.floor(box.xPx) - rect.xPx);
    const right = Math.min(widthPx, Math.ceil(box.xPx + box.widthPx) - rect.xPx);
    const top = Math.max(0, Math.floor(box.yPx) - rect.yPx);
    const bottom = Math.min(heightPx, Math.ceil(box.yPx + box.heightPx) - rect.yPx);
    if (left >= right) continue;
    for (let y = top; y < bottom; y++) pixels.fill(255, y * widthPx + left, y * widthPx + right);
  }
  return maskFromImage({ pixels, widthPx, heightPx, channels: 1 }, { xPx: 0, yPx: 0, widthPx, heightPx }, size);
}

/** A mask file as 0 and 255 in one channel: whatever is brighter than half of its brightest value is a defect. */
export function binaryMask(image: Image): Image {
  const { channels, widthPx, heightPx } = image;
  let brightest = 0;
  for (const value of image.pixels) if (value > brightest) brightest = value;
  const pixels = new Uint8Array(widthPx * heightPx);
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    if (2 * (image.pixels[pixel * channels] ?? 0) > brightest) pixels[pixel] = 255;
  }
  return { pixels, widthPx, heightPx, channels: 1 };
}

function cropped(pixels: Uint8Array, size: InputSizePx): RegionMask {
  let left = size.widthPx;
  let right = -1;
  let top = size.heightPx;
  let bottom = -1;
  for (let y = 0, at = 0; y < size.heightPx; y++) {
    for (let x = 0; x < size.widthPx; x++, at++) {
      if (pixels[at] === 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  if (right < 0) return "clear";
  const rect = { xPx: left, yPx: top, widthPx: right - left + 1, heightPx: bottom - top + 1 };
  const kept = new Uint8Array(rect.widthPx * rect.heightPx);
  for (let row = 0; row < rect.heightPx; row++) {
    const from = (top + row) * size.widthPx + left;
    kept.set(pixels.subarray(from, from + rect.widthPx), row * rect.widthPx);
  }
  return { ...rect, pixels: kept };
}

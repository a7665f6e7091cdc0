import type { Image } from "../../src/imaging/image.ts";
import { seededRandom } from "../../src/platform/random.ts";

export interface ImageShape {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly channels: 1 | 3;
}

/** Every byte is independent noise: the hardest case for a resampling filter. */
export function noiseImage(shape: ImageShape, seed: number): Image {
  const random = seededRandom(seed);
  const pixels = Uint8Array.from({ length: shape.widthPx * shape.heightPx * shape.channels }, () =>
    Math.floor(random() * 256),
  );
  return { ...shape, pixels };
}

export function paintedImage(shape: ImageShape, paint: (x: number, y: number, channel: number) => number): Image {
  const { widthPx, channels } = shape;
  const pixels = new Uint8Array(widthPx * shape.heightPx * channels);
  for (let at = 0; at < pixels.length; at++) {
    const pixel = Math.floor(at / channels);
    pixels[at] = Math.max(
      0,
      Math.min(255, Math.round(paint(pixel % widthPx, Math.floor(pixel / widthPx), at % channels))),
    );
  }
  return { ...shape, pixels };
}

/** Smooth enough for JPEG, with an edge and a texture. */
export const tileImage = (shape: ImageShape): Image =>
  paintedImage(
    shape,
    (x, y, channel) => 120 + 40 * Math.sin(x / 9 + channel) + 30 * Math.cos(y / 7) + (x > y ? 20 : 0),
  );

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import sharp from "sharp";

export interface Picture {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Mean grey, 0-255; about 128 is a good part for the tiny model, a very dark one is a spot. */
  readonly grey: number;
}

/** A grey picture with deterministic texture, so that it passes for an image in focus. */
export function texturedPicture({ widthPx, heightPx, grey }: Picture): sharp.Sharp {
  const pixels = Buffer.alloc(widthPx * heightPx * 3);
  for (let at = 0; at < pixels.length; at += 3) pixels.fill(grey + (((at * 2654435761) >>> 24) % 40) - 20, at, at + 3);
  return sharp(pixels, { raw: { width: widthPx, height: heightPx, channels: 3 } });
}

export const jpegOf = (picture: Picture): Promise<Buffer> => texturedPicture(picture).jpeg({ quality: 90 }).toBuffer();

/** Writes a file with the folders above it. */
export function put(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

import jpegTurbo from "@julusian/jpeg-turbo";
import type { Image } from "./image.ts";
import { sharp } from "./sharp.ts";

const bufferOf = (pixels: Uint8Array): Buffer => Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength);

/** Baseline JPEG, colour with 4:2:0 chroma. `quality` 1 to 100. Runs off the caller's thread. */
export function encodeJpeg(image: Image, quality = 85): Promise<Uint8Array> {
  const { widthPx: width, heightPx: height, channels } = image;
  const [format, subsampling] =
    channels === 1 ? [jpegTurbo.FORMAT_GRAY, jpegTurbo.SAMP_GRAY] : [jpegTurbo.FORMAT_RGB, jpegTurbo.SAMP_420];
  return jpegTurbo.compress(bufferOf(image.pixels), { width, height, format, subsampling, quality });
}

/** Lossless: decodes to the same pixels and channels. */
export function encodePng(image: Image): Promise<Uint8Array> {
  const raw = { width: image.widthPx, height: image.heightPx, channels: image.channels };
  const picture = sharp(bufferOf(image.pixels), { raw });
  return (image.channels === 1 ? picture.toColourspace("b-w") : picture).png({ compressionLevel: 6 }).toBuffer();
}

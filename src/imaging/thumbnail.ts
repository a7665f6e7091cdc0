import type { Image } from "./image.ts";
import { sharp } from "./sharp.ts";

/**
 * A JPEG of at most `sidePx` a side for a gallery, from JPEG or PNG bytes; never enlarged. JPEGs are shrunk while they are
 * decoded. Rejects where the bytes are no image, or one of more than `maxPixels`.
 */
export const thumbnailOf = async (bytes: Uint8Array, sidePx: number, maxPixels: number): Promise<Uint8Array> =>
  sharp(bytes, { limitInputPixels: maxPixels, failOn: "error" })
    .resize(sidePx, sidePx, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: 80, mozjpeg: false })
    .toBuffer();

/** The same of pixels. Runs off the caller's thread; the pixels must stay as they are until it is done. */
export const thumbnailOfPixels = async (
  { pixels, widthPx, heightPx, channels }: Image,
  sidePx: number,
): Promise<Uint8Array> =>
  sharp(Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength), {
    raw: { width: widthPx, height: heightPx, channels },
  })
    .resize(sidePx, sidePx, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: 80, mozjpeg: false })
    .toBuffer();

import { HttpRefusal } from "../../http/error-reply.ts";
import { decodeImage } from "../../imaging/decode-image.ts";

export type MediaType = "image/jpeg" | "image/png";

/** First bytes of the formats that devices send (ITU T.81 annex B.1; PNG 3rd edition, 5.2). */
const SIGNATURES: Readonly<Record<MediaType, Buffer>> = {
  "image/jpeg": Buffer.from([0xff, 0xd8, 0xff]),
  "image/png": Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
};

export const isMediaType = (text: string): text is MediaType => text === "image/jpeg" || text === "image/png";

/**
 * Size of an image that can be decoded to its last pixel, px. Throws 422 for bytes of another format than they are said
 * to be, for damaged ones, and for an image of more than `maxPixels` (its header is read before memory is taken).
 */
export async function checkImage(
  bytes: Uint8Array,
  { mediaType, maxPixels }: { readonly mediaType: MediaType; readonly maxPixels: number },
): Promise<{ readonly widthPx: number; readonly heightPx: number }> {
  const signature = SIGNATURES[mediaType];
  if (bytes.length > 0 && !signature.equals(bytes.subarray(0, signature.length))) {
    throw new HttpRefusal(422, "NO_IMAGE", `The bytes are no ${mediaType}: they do not start as one.`);
  }
  const decoded = await decodeImage(bytes, { maxPixels, onlyLuminance: true });
  if (decoded.ok) return { widthPx: decoded.image.widthPx, heightPx: decoded.image.heightPx };
  const code = decoded.reason === "wrong-size" ? "TOO_MANY_PIXELS" : "NO_IMAGE";
  throw new HttpRefusal(422, code, `The image cannot be used: ${decoded.detail}.`);
}

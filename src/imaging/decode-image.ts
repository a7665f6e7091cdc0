import jpegTurbo from "@julusian/jpeg-turbo";
import type { Metadata } from "sharp";
import { describeForeignBytes, startsAsImage } from "./foreign-file.ts";
import type { Image } from "./image.ts";
import {
  countScans,
  hasEndMarker,
  readJpegHeader,
  startsAsJpeg,
  withoutPadding,
  type JpegHeader,
} from "./jpeg-header.ts";
import { sharp } from "./sharp.ts";

export type DecodedImage =
  | { readonly ok: true; readonly image: Image }
  | { readonly ok: false; readonly reason: "unreadable" | "torn" | "wrong-size"; readonly detail: string };

export interface DecodeLimits {
  /** Width times height an image may have; 100 million unless told. A side may never exceed 16,384 px. */
  readonly maxPixels?: number;
  /**
   * For whoever only wants to know whether an image is whole: of a JPEG's pixels only the luminance. The data of every
   * channel is read all the same; in half the time and a third of the memory.
   */
  readonly onlyLuminance?: boolean;
}

const DEFAULT_MAX_PIXELS = 100_000_000;
const MAX_SIDE_PX = 16_384;
/** A few thousand scans of a tiny file can keep a decoder busy for minutes; real encoders write 10 to 20. */
const MAX_PROGRESSIVE_SCANS = 200;
/** What sharp may open: SVG and PDF are programs rather than pictures. */
const SHARP_FORMATS: ReadonlySet<string> = new Set(["png", "tiff", "webp", "heif", "gif"]);

const refuse = (reason: "unreadable" | "torn" | "wrong-size", detail: string): DecodedImage => ({
  ok: false,
  reason,
  detail,
});

/**
 * Pixels of an encoded image: JPEG, PNG, TIFF, WebP, AVIF, GIF (of several pages the first). Grey stays 1 channel,
 * everything else becomes 3; 16 bits become 8, transparency becomes black. An orientation noted in EXIF is not
 * applied: a camera on a line does not turn, and boxes must fit the stored pixels.
 * Never rejects for bad input: the result says why. `detail` is half a sentence ("it is empty (0 bytes)") to follow
 * the name of the file. The bytes must not change until the promise settles; decoding runs off the caller's thread.
 */
export async function decodeImage(bytes: Uint8Array, limits: DecodeLimits = {}): Promise<DecodedImage> {
  const encoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return startsAsJpeg(encoded)
    ? decodeJpeg(encoded, limits)
    : decodeOther(encoded, limits.maxPixels ?? DEFAULT_MAX_PIXELS);
}

/**
 * The same for a JPEG, on the caller's thread; undefined for any other format. For threads that have nothing else to do.
 */
export function decodeImageNow(bytes: Uint8Array, limits: DecodeLimits = {}): DecodedImage | undefined {
  const encoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!startsAsJpeg(encoded)) return undefined;
  const image = prepareJpeg(encoded, limits);
  if ("ok" in image) return image;
  if (fillFromJpegNow(image, encoded)) return { ok: true, image };
  const unpadded = withoutPadding(encoded);
  if (unpadded !== undefined && fillFromJpegNow(image, unpadded)) return { ok: true, image };
  return tornJpeg(encoded);
}

async function decodeJpeg(encoded: Buffer, limits: DecodeLimits): Promise<DecodedImage> {
  const image = prepareJpeg(encoded, limits);
  if ("ok" in image) return image;
  if (await fillFromJpeg(image, encoded)) return { ok: true, image };
  const unpadded = withoutPadding(encoded);
  if (unpadded !== undefined && (await fillFromJpeg(image, unpadded))) return { ok: true, image };
  return tornJpeg(encoded);
}

/** Room for the pixels, or what the header says against them. */
function prepareJpeg(encoded: Buffer, limits: DecodeLimits): Image | DecodedImage {
  const header = readJpegHeader(encoded);
  if (header === "ends") return refuse("torn", `the JPEG ends within its header, after ${encoded.length} bytes`);
  if (header === "broken") return refuse("unreadable", "it starts as a JPEG but its header is damaged");
  const fault = jpegFault(encoded, header, limits.maxPixels ?? DEFAULT_MAX_PIXELS);
  if (fault !== undefined) return fault;
  const { widthPx, heightPx } = header;
  const channels = header.components === 1 || limits.onlyLuminance === true ? 1 : 3;
  return { pixels: Buffer.allocUnsafeSlow(widthPx * heightPx * channels), widthPx, heightPx, channels };
}

const tornJpeg = (encoded: Buffer): DecodedImage =>
  refuse(
    "torn",
    hasEndMarker(encoded)
      ? "the pixel data of the JPEG is damaged or incomplete"
      : `the JPEG stops before its end marker, after ${encoded.length} bytes`,
  );

const formatOf = (image: Image): number => (image.channels === 1 ? jpegTurbo.FORMAT_GRAY : jpegTurbo.FORMAT_RGB);

/**
 * False unless every pixel was there: libjpeg itself fills what is missing with grey and only warns, and the package
 * fails on every warning (without saying which).
 */
async function fillFromJpeg(image: Image, encoded: Buffer): Promise<boolean> {
  try {
    const { width, height } = await jpegTurbo.decompress(encoded, Buffer.from(image.pixels.buffer), {
      format: formatOf(image),
    });
    return width === image.widthPx && height === image.heightPx;
  } catch {
    return false;
  }
}

function fillFromJpegNow(image: Image, encoded: Buffer): boolean {
  try {
    const { width, height } = jpegTurbo.decompressSync(encoded, Buffer.from(image.pixels.buffer), {
      format: formatOf(image),
    });
    return width === image.widthPx && height === image.heightPx;
  } catch {
    return false;
  }
}

function jpegFault(encoded: Buffer, header: JpegHeader, maxPixels: number): DecodedImage | undefined {
  if (header.components === 4) return refuse("unreadable", "it is a CMYK JPEG, made for print: save it as RGB or grey");
  if (header.components !== 1 && header.components !== 3) {
    return refuse("unreadable", `it is a JPEG of ${header.components} channels: only grey and colour are supported`);
  }
  if (header.process === "other") {
    const kinds = "it is a lossless, arithmetic or hierarchical JPEG";
    return refuse("unreadable", `${kinds}: save it as an ordinary JPEG or as PNG`);
  }
  if (header.bitsPerSample !== 8) {
    return refuse("unreadable", `it is a ${header.bitsPerSample}-bit JPEG: only 8 bits are supported`);
  }
  if (header.process === "progressive" && countScans(encoded, MAX_PROGRESSIVE_SCANS + 1) > MAX_PROGRESSIVE_SCANS) {
    return refuse("unreadable", `it is a JPEG of more than ${MAX_PROGRESSIVE_SCANS} scans`);
  }
  return sizeFault(header.widthPx, header.heightPx, maxPixels);
}

function sizeFault(widthPx: number, heightPx: number, maxPixels: number): DecodedImage | undefined {
  const shown = (count: number): string => count.toLocaleString("en-US");
  if (widthPx < 1 || heightPx < 1) return refuse("unreadable", `its header gives ${widthPx}x${heightPx} px`);
  if (widthPx > MAX_SIDE_PX || heightPx > MAX_SIDE_PX) {
    const side = widthPx > MAX_SIDE_PX ? `${shown(widthPx)} px wide` : `${shown(heightPx)} px high`;
    return refuse("wrong-size", `it is ${side}; at most ${shown(MAX_SIDE_PX)} px are accepted`);
  }
  if (widthPx * heightPx > maxPixels) {
    const found = `it has ${widthPx}x${heightPx} px, ${shown(widthPx * heightPx)} in all`;
    return refuse("wrong-size", `${found}; at most ${shown(maxPixels)} are accepted`);
  }
  return undefined;
}

async function decodeOther(encoded: Buffer, maxPixels: number): Promise<DecodedImage> {
  let metadata: Metadata;
  try {
    metadata = await sharp(encoded, { limitInputPixels: false }).metadata();
  } catch {
    if (!startsAsImage(encoded)) return refuse("unreadable", describeForeignBytes(encoded));
    return refuse("torn", `it starts as an image but its header is incomplete (${encoded.length} bytes)`);
  }
  if (!SHARP_FORMATS.has(metadata.format)) return refuse("unreadable", describeForeignBytes(encoded));
  const fault = sizeFault(metadata.width, metadata.pageHeight ?? metadata.height, maxPixels);
  return fault ?? decodeWithSharp(encoded, metadata.space === "b-w" || metadata.space === "grey16" ? 1 : 3);
}

async function decodeWithSharp(encoded: Buffer, channels: 1 | 3): Promise<DecodedImage> {
  try {
    const { data, info } = await sharp(encoded, { failOn: "warning", limitInputPixels: false })
      .flatten()
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (data.length !== info.width * info.height * channels) {
      return refuse("unreadable", `it decodes to ${info.channels} channels instead of ${channels}`);
    }
    return { ok: true, image: { pixels: data, widthPx: info.width, heightPx: info.height, channels } };
  } catch (error) {
    const said = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return refuse("torn", `its header is whole but its pixels are damaged or incomplete (${said})`);
  }
}

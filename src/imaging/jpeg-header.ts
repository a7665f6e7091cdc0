export interface JpegHeader {
  readonly widthPx: number;
  readonly heightPx: number;
  /** 1 grey, 3 colour, 4 CMYK. */
  readonly components: number;
  readonly bitsPerSample: number;
  /** Huffman-coded baseline or extended, Huffman-coded progressive, or one of the kinds nobody writes. */
  readonly process: "baseline" | "progressive" | "other";
}

const SCAN_MARKER = Buffer.from([0xff, 0xda]);
const END_MARKER = Buffer.from([0xff, 0xd9]);

const isFrameHeader = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
const hasNoLength = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

export const startsAsJpeg = (bytes: Uint8Array): boolean =>
  bytes[0] === 0xff && bytes[1] === 0xd8 && (bytes[2] === 0xff || bytes.length === 2);

/**
 * Size and kind of a JPEG (ITU T.81, annex B), read from its frame header without decoding anything;
 * "ends" when the bytes stop before it, "broken" when no marker stands where one must.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | "ends" | "broken" {
  let at = 2;
  for (;;) {
    if (at + 1 >= bytes.length) return "ends";
    if (bytes[at] !== 0xff) return "broken";
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) at += 1;
    else if (hasNoLength(marker)) at += 2;
    else if (marker === 0xd9 || marker === 0xda) return "broken";
    else if (isFrameHeader(marker)) return frameHeader(bytes.subarray(at + 4), marker);
    else {
      const segmentBytes = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
      if (segmentBytes < 2) return at + 3 < bytes.length ? "broken" : "ends";
      at += 2 + segmentBytes;
    }
  }
}

function frameHeader(body: Uint8Array, marker: number): JpegHeader | "ends" {
  const [bitsPerSample, heightHigh, heightLow, widthHigh, widthLow, components] = body;
  if (bitsPerSample === undefined || heightHigh === undefined || heightLow === undefined) return "ends";
  if (widthHigh === undefined || widthLow === undefined || components === undefined) return "ends";
  return {
    widthPx: (widthHigh << 8) | widthLow,
    heightPx: (heightHigh << 8) | heightLow,
    components,
    bitsPerSample,
    process: marker <= 0xc1 ? "baseline" : marker === 0xc2 ? "progressive" : "other",
  };
}

/** Scans of a JPEG, counted by their markers; thumbnails in its metadata count too. */
export function countScans(bytes: Buffer, upTo: number): number {
  let scans = 0;
  let at = bytes.indexOf(SCAN_MARKER);
  while (at !== -1 && scans < upTo) {
    scans++;
    at = bytes.indexOf(SCAN_MARKER, at + 2);
  }
  return scans;
}

/** Whether an end marker follows the last byte that is not zero. */
export const hasEndMarker = (bytes: Buffer): boolean =>
  bytes.lastIndexOf(END_MARKER) >= lengthWithoutZeros(bytes, bytes.length) - 2;

/**
 * The same JPEG less the zeros before its end marker, with which some cameras round their frames up; undefined when
 * there are none. A zero after 0xff is data.
 */
export function withoutPadding(bytes: Buffer): Buffer | undefined {
  const endAt = bytes.lastIndexOf(END_MARKER);
  let keptBytes = lengthWithoutZeros(bytes, Math.max(0, endAt));
  if (bytes[keptBytes - 1] === 0xff) keptBytes++;
  return keptBytes < endAt ? Buffer.concat([bytes.subarray(0, keptBytes), END_MARKER]) : undefined;
}

function lengthWithoutZeros(bytes: Buffer, length: number): number {
  let kept = length;
  while (kept > 0 && bytes[kept - 1] === 0) kept--;
  return kept;
}

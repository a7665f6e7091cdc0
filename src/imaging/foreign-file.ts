const SIGNATURES: readonly (readonly [start: string, name: string])[] = [
  ["BM", "a BMP file, which is not supported: save it as PNG, TIFF or JPEG"],
  ["<svg", "an SVG drawing, not a photograph"],
  ["<?xml", "an XML file"],
  ["<!DOCTYPE", "a web page"],
  ["<html", "a web page"],
  ["%PDF", "a PDF file"],
  ["PK\x03\x04", "a ZIP file"],
  ["\x1f\x8b", "a gzip file"],
  ["\x7fELF", "a program"],
  ["P5", "a PGM file, which is not supported: save it as PNG, TIFF or JPEG"],
  ["P6", "a PPM file, which is not supported: save it as PNG, TIFF or JPEG"],
];
/** PNG, TIFF of both byte orders, WebP, GIF. */
const IMAGE_STARTS = ["\x89PNG\r\n\x1a\n", "II*\0", "MM\0*", "RIFF", "GIF8"];
const SHOWN_BYTES = 8;

const latin1Start = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 16)).toString("latin1");

/** Whether the first bytes are those of a format that is read here: one that then fails is cut short, not foreign. */
export const startsAsImage = (bytes: Uint8Array): boolean =>
  IMAGE_STARTS.some((start) => latin1Start(bytes).startsWith(start));

/** In words, what bytes are that no decoder knows. */
export function describeForeignBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return "it is empty (0 bytes)";
  const start = latin1Start(bytes);
  const known = SIGNATURES.find(([signature]) => start.startsWith(signature));
  if (known !== undefined) return `it is ${known[1]}`;
  if (bytes.every((byte) => byte === 0)) return `it holds only zeros (${bytes.length} bytes)`;
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES))
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1 ");
  return `it is no image this program knows (${bytes.length} bytes, starting ${shown})`;
}

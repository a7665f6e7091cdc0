import { expect, test } from "vitest";
import type { MonotonicMs } from "../../../src/platform/clock.ts";
import { NetpbmParser, PaddedRawParser, type ImageParser } from "../../../src/pipeline/capture/image-parsers.ts";
import type { Image } from "../../../src/pipeline/frame.ts";

function parseInPieces(parser: ImageParser, bytes: Uint8Array, pieceBytes: number): { image: Image; tick: number }[] {
  const images: { image: Image; tick: number }[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    parser.push(bytes.subarray(at, at + pieceBytes), at as MonotonicMs, (image, tick) => images.push({ image, tick }));
  }
  return images;
}

const ramp = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7) % 251);

test.each([1, 2, 3, 7, 64, 10_000])("pictures of changing size are cut right from pieces of %i bytes", (pieceBytes) => {
  const [first, second] = [ramp(5 * 3 * 3), ramp(4 * 2)];
  const bytes = Buffer.concat([Buffer.from("P6\n5 3\n255\n"), first, Buffer.from("P5\n4 2\n255\n"), second]);
  const parser = new NetpbmParser();
  const images = parseInPieces(parser, bytes, pieceBytes).map(({ image }) => ({ ...image, pixels: [...image.pixels] }));
  expect(images).toEqual([
    { widthPx: 5, heightPx: 3, channels: 3, pixels: [...first] },
    { widthPx: 4, heightPx: 2, channels: 1, pixels: [...second] },
  ]);
  expect(parser.unfinished()).toBeUndefined();
});

test("a picture's time is that of its first byte", () => {
  const bytes = Buffer.concat([Buffer.from("P5\n4 2\n255\n"), ramp(8), Buffer.from("P5\n4 2\n255\n"), ramp(8)]);
  expect(parseInPieces(new NetpbmParser(), bytes, 5).map(({ tick }) => tick)).toEqual([0, 15]);
});

test("a broken-off picture is noticed, in its header too", () => {
  const parser = new NetpbmParser();
  parseInPieces(parser, Buffer.concat([Buffer.from("P5\n4 2\n255\n"), ramp(5)]), 100);
  expect(parser.unfinished()).toBe("5 of 8 bytes");
  const early = new NetpbmParser();
  parseInPieces(early, Buffer.from("P5\n4"), 100);
  expect(early.unfinished()).toBe("only its header");
});

test.each([
  "P6\n0 4\n255\n",
  "P6\n4 4\n65535\n",
  "P6\n99999999 99999999\n255\n",
  "Could not open the camera, so here is text",
])("bytes that are no picture are refused: %j", (text) => {
  expect(() => parseInPieces(new NetpbmParser(), Buffer.from(text), 8)).toThrow("bytes that are no picture");
});

test.each([
  [2, 3, 1],
  [5, 3, 5],
  [6, 1, 7],
  [4, 1, 3],
  [1, 1, 1000],
] as const)(
  "padding at row ends is left out: %i px wide, %i channels, pieces of %i bytes",
  (widthPx, channels, pieceBytes) => {
    const heightPx = 4;
    const rowBytes = widthPx * channels;
    const rows = Array.from({ length: heightPx * 2 }, (_, row) => ramp(rowBytes).map((value) => value + row));
    const padding = Buffer.alloc((4 - (rowBytes % 4)) % 4, 255);
    const parser = new PaddedRawParser({ widthPx, heightPx, channels }, 4);
    const images = parseInPieces(parser, Buffer.concat(rows.flatMap((row) => [row, padding])), pieceBytes);
    expect(images.map(({ image }) => [...image.pixels])).toEqual([
      [...Buffer.concat(rows.slice(0, heightPx))],
      [...Buffer.concat(rows.slice(heightPx))],
    ]);
    expect(parser.unfinished()).toBeUndefined();
  },
);

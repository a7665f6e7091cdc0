import sharp from "sharp";
import { jpegOf, texturedPicture } from "./pictures.ts";

const PICTURE = { widthPx: 96, heightPx: 96, grey: 128 };

export interface BadImage {
  readonly file: string;
  readonly bytes: Buffer;
  readonly reason: "unreadable" | "torn" | "wrong-size";
  /** What its sentence must say. */
  readonly says: RegExp;
}

/** Images that no device can judge, each with the fault it must get. */
export async function badImages(): Promise<BadImage[]> {
  const jpeg = await jpegOf(PICTURE);
  const png = await texturedPicture(PICTURE).png().toBuffer();
  const wide = { width: 20_000, height: 40, channels: 3, background: "grey" } as const;
  return [
    {
      file: "truncated.jpg",
      bytes: jpeg.subarray(0, jpeg.length / 2),
      reason: "torn",
      says: /stops before its end marker/,
    },
    { file: "cut-in-header.jpg", bytes: jpeg.subarray(0, 60), reason: "torn", says: /ends within its header/ },
    {
      file: "truncated.png",
      bytes: png.subarray(0, png.length / 2),
      reason: "torn",
      says: /pixels are damaged or incomplete/,
    },
    { file: "empty.jpg", bytes: Buffer.alloc(0), reason: "unreadable", says: /empty \(0 bytes\)/ },
    {
      file: "letter.jpg",
      bytes: Buffer.from("Dear line,\nthe picture is in the other mail.\n"),
      reason: "unreadable",
      says: /no image/,
    },
    {
      file: "noise.png",
      bytes: Buffer.from(Array.from({ length: 500 }, (_, at) => (at * 7919) % 256)),
      reason: "unreadable",
      says: /./,
    },
    { file: "wide.jpg", bytes: await sharp({ create: wide }).jpeg().toBuffer(), reason: "wrong-size", says: /20,?000/ },
    { file: "wide.png", bytes: await sharp({ create: wide }).png().toBuffer(), reason: "wrong-size", says: /20,?000/ },
    {
      file: "print.jpg",
      bytes: await texturedPicture(PICTURE).toColourspace("cmyk").jpeg().toBuffer(),
      reason: "unreadable",
      says: /CMYK/,
    },
  ];
}

/** Images of unusual channel counts that can be judged all the same. */
export async function oddButGoodImages(): Promise<{ readonly file: string; readonly bytes: Buffer }[]> {
  const picture = texturedPicture(PICTURE);
  return [
    { file: "good.jpg", bytes: await jpegOf(PICTURE) },
    { file: "grey.png", bytes: await picture.clone().greyscale().png().toBuffer() },
    { file: "alpha.png", bytes: await picture.clone().ensureAlpha(1).png().toBuffer() },
    { file: "sixteen-bit.png", bytes: await picture.clone().toColourspace("rgb16").png().toBuffer() },
  ];
}

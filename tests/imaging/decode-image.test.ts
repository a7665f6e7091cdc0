import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage, type DecodedImage } from "../../src/imaging/decode-image.ts";
import { encodeJpeg, encodePng } from "../../src/imaging/encode-jpeg.ts";
import type { Image } from "../../src/imaging/image.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { noiseImage, tileImage } from "./made-images.ts";

const GREY = tileImage({ widthPx: 97, heightPx: 61, channels: 1 });
const COLOUR = tileImage({ widthPx: 97, heightPx: 61, channels: 3 });

const END_MARKER = Buffer.from([0xff, 0xd9]);

const sharpOf = ({ pixels, widthPx, heightPx, channels }: Image): Sharp =>
  sharp(pixels, { raw: { width: widthPx, height: heightPx, channels } }).toColourspace(channels === 1 ? "b-w" : "srgb");

function imageOf(decoded: DecodedImage): Image {
  if (!decoded.ok) throw new Error(`${decoded.reason}: ${decoded.detail}`);
  return decoded.image;
}

const shapeOf = (image: Image): string => `${image.widthPx}x${image.heightPx}x${image.channels}:${image.pixels.length}`;

function largestDifference(left: Uint8Array, right: Uint8Array): number {
  return left.reduce((largest, value, at) => Math.max(largest, Math.abs(value - (right[at] ?? 999))), 0);
}

describe("images that can be read", () => {
  it("keeps a grey JPEG grey and a colour JPEG in colour, close to what was encoded", async () => {
    for (const image of [GREY, COLOUR]) {
      const decoded = imageOf(await decodeImage(await encodeJpeg(image, 95)));
      expect(shapeOf(decoded)).toBe(shapeOf(image));
      const meanError =
        decoded.pixels.reduce((sum, value, at) => sum + Math.abs(value - (image.pixels[at] ?? 0)), 0) /
        image.pixels.length;
      expect(meanError).toBeLessThan(4);
    }
  });

  it("reads lossless formats byte for byte", async () => {
    for (const image of [GREY, COLOUR]) {
      const encodings = [
        await encodePng(image),
        await sharpOf(image).tiff({ compression: "lzw" }).toBuffer(),
        await sharpOf(COLOUR).webp({ lossless: true }).toBuffer(),
      ];
      for (const [at, bytes] of encodings.entries()) {
        const decoded = imageOf(await decodeImage(bytes));
        expect(Buffer.from(decoded.pixels).equals(Buffer.from((at === 2 ? COLOUR : image).pixels))).toBe(true);
      }
    }
  });

  it("reads progressive JPEGs, AVIF and GIF", async () => {
    const encodings = [
      await sharpOf(COLOUR).jpeg({ progressive: true }).toBuffer(),
      await sharpOf(COLOUR).avif().toBuffer(),
      await sharpOf(COLOUR).gif().toBuffer(),
    ];
    for (const bytes of encodings) expect(shapeOf(imageOf(await decodeImage(bytes)))).toBe(shapeOf(COLOUR));
  });

  it("brings 16 bits down to 8 and puts transparency on black", async () => {
    const deep = imageOf(await decodeImage(await sharpOf(GREY).toColourspace("grey16").png().toBuffer()));
    expect(shapeOf(deep)).toBe(shapeOf(GREY));
    expect(largestDifference(deep.pixels, GREY.pixels)).toBeLessThanOrEqual(1);
    const clear = {
      create: { width: 8, height: 8, channels: 4 as const, background: { r: 200, g: 100, b: 50, alpha: 0 } },
    };
    const flat = imageOf(await decodeImage(await sharp(clear).png().toBuffer()));
    expect(shapeOf(flat)).toBe("8x8x3:192");
    expect(Math.max(...flat.pixels)).toBe(0);
  });

  it("does not turn an image by its EXIF orientation", async () => {
    for (const format of ["jpeg", "tiff", "png"] as const) {
      const turned = await sharpOf(COLOUR).withMetadata({ orientation: 6 }).toFormat(format).toBuffer();
      expect(shapeOf(imageOf(await decodeImage(turned)))).toBe(shapeOf(COLOUR));
    }
  });

  it("accepts bytes after the end of a JPEG and zeros before its end marker, which some cameras write", async () => {
    const bytes = Buffer.from(await encodeJpeg(GREY));
    const padded = Buffer.concat([bytes, Buffer.alloc(500)]);
    const stray = Buffer.concat([bytes.subarray(0, -2), Buffer.alloc(13), bytes.subarray(-2)]);
    for (const variant of [padded, stray]) expect(shapeOf(imageOf(await decodeImage(variant)))).toBe(shapeOf(GREY));
  });

  it("accepts a grey JPEG with the sampling factors of colour", async () => {
    const bytes = Buffer.from(await encodeJpeg(GREY));
    bytes[bytes.indexOf("ffc0", 0, "hex") + 11] = 0x22;
    expect(shapeOf(imageOf(await decodeImage(bytes)))).toBe(shapeOf(GREY));
  });

  it("gives pixels a memory of their own, so that they can be handed to another thread", async () => {
    const { pixels } = imageOf(await decodeImage(await encodeJpeg(COLOUR)));
    expect(pixels.buffer.byteLength).toBe(pixels.length);
  });
});

describe("images that cannot", () => {
  it.each([
    ["baseline", false],
    ["progressive", true],
  ])("calls a %s JPEG torn wherever it is cut", async (_, progressive) => {
    for (const image of [GREY, COLOUR]) {
      const bytes = await sharpOf(image).jpeg({ progressive }).toBuffer();
      for (let kept = 2; kept < bytes.length; kept += kept > bytes.length - 12 ? 1 : 23) {
        expect(await decodeImage(bytes.subarray(0, kept)), `${kept} of ${bytes.length} bytes`).toMatchObject({
          ok: false,
          reason: "torn",
        });
      }
    }
  });

  it("calls a JPEG torn whose rest never arrived though its end marker did, or came as zeros", async () => {
    for (const channels of [1, 3] as const) {
      const bytes = Buffer.from(await encodeJpeg(noiseImage({ widthPx: 64, heightPx: 64, channels }, 1)));
      for (let kept = 700; kept < bytes.length - 10; kept += 61) {
        const zeros = Buffer.alloc(bytes.length - kept);
        for (const rest of [END_MARKER, zeros, Buffer.concat([zeros, END_MARKER])]) {
          const torn = Buffer.concat([bytes.subarray(0, kept), rest]);
          expect(await decodeImage(torn), `${kept} of ${bytes.length} bytes`).toMatchObject({
            ok: false,
            reason: "torn",
          });
        }
      }
    }
  });

  it("calls a PNG torn wherever its pixels are cut", async () => {
    const bytes = await encodePng(noiseImage({ widthPx: 64, heightPx: 64, channels: 3 }, 2));
    for (let kept = 8; kept < bytes.length - 16; kept += 331) {
      expect(await decodeImage(bytes.subarray(0, kept)), `${kept} bytes`).toMatchObject({ ok: false, reason: "torn" });
    }
  });

  it.each([
    ["nothing", Buffer.alloc(0), "it is empty (0 bytes)"],
    ["zeros", Buffer.alloc(300), "it holds only zeros (300 bytes)"],
    ["a web page", Buffer.from("<html>401</html>"), "it is a web page"],
    [
      "a drawing",
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      "it is an SVG drawing, not a photograph",
    ],
    [
      "a bitmap",
      Buffer.from("BM______________"),
      "it is a BMP file, which is not supported: save it as PNG, TIFF or JPEG",
    ],
    [
      "text",
      Buffer.from("abcdefghij"),
      "it is no image this program knows (10 bytes, starting 61 62 63 64 65 66 67 68)",
    ],
    [
      "an arithmetic JPEG",
      Buffer.from("ffd8ffc9000b080008000801011100", "hex"),
      "it is a lossless, arithmetic or hierarchical JPEG: save it as an ordinary JPEG or as PNG",
    ],
    [
      "a 12-bit JPEG",
      Buffer.from("ffd8ffc1000b0c0008000801011100", "hex"),
      "it is a 12-bit JPEG: only 8 bits are supported",
    ],
    ["a damaged header", Buffer.from("ffd8ffe000024142ffc0", "hex"), "it starts as a JPEG but its header is damaged"],
  ])("says what it found instead of an image: %s", async (_, bytes, detail) => {
    expect(await decodeImage(bytes)).toEqual({ ok: false, reason: "unreadable", detail });
  });

  it("refuses a CMYK JPEG with a remedy", async () => {
    const bytes = await sharpOf(COLOUR).toColourspace("cmyk").jpeg().toBuffer();
    expect(await decodeImage(bytes)).toEqual({
      ok: false,
      reason: "unreadable",
      detail: "it is a CMYK JPEG, made for print: save it as RGB or grey",
    });
  });

  it.each(["jpeg", "png"] as const)(
    "refuses a %s of 20,000 px a side, or of too many pixels, without decoding it",
    async (format) => {
      const blank = (width: number, height: number): Promise<Buffer> =>
        sharp({ create: { width, height, channels: 3, background: "grey" } })
          .toFormat(format)
          .toBuffer();
      const wide = { ok: false, reason: "wrong-size", detail: "it is 20,000 px wide; at most 16,384 px are accepted" };
      expect(await decodeImage(await blank(20_000, 2))).toEqual(wide);
      expect(await decodeImage(await blank(2, 20_000))).toEqual({
        ...wide,
        detail: wide.detail.replace("wide", "high"),
      });
      const many = {
        ok: false,
        reason: "wrong-size",
        detail: "it has 100x50 px, 5,000 in all; at most 4,999 are accepted",
      };
      expect(await decodeImage(await blank(100, 50), { maxPixels: 4_999 })).toEqual(many);
      expect(await decodeImage(await blank(100, 50), { maxPixels: 5_000 })).toMatchObject({ ok: true });
    },
  );

  it("refuses a JPEG that would keep a decoder busy with thousands of scans", async () => {
    const bytes = await sharpOf(GREY).jpeg({ progressive: true }).toBuffer();
    const scan = bytes.subarray(bytes.indexOf("ffda", 0, "hex"), -2);
    const bomb = Buffer.concat([bytes.subarray(0, -2), ...Array.from({ length: 500 }, () => scan), bytes.subarray(-2)]);
    expect(await decodeImage(bomb)).toEqual({
      ok: false,
      reason: "unreadable",
      detail: "it is a JPEG of more than 200 scans",
    });
  });

  it("outlives 2,000 mutated files, and never returns pixels that do not fit their size", async () => {
    const random = seededRandom(7);
    const upTo = (limit: number): number => Math.floor(random() * limit);
    const seeds = [
      await encodeJpeg(GREY),
      await encodeJpeg(COLOUR),
      await sharpOf(COLOUR).jpeg({ progressive: true }).toBuffer(),
      await encodePng(GREY),
      await encodePng(COLOUR),
    ];
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 2_000; round++) {
      const bytes = Buffer.from(seeds[round % seeds.length] ?? []);
      // Half of the damage falls on the header, where sizes, tables and lengths stand.
      const reach = round % 2 === 0 ? Math.min(700, bytes.length) : bytes.length;
      for (let change = upTo(8); change >= 0; change--) bytes[upTo(reach)] = upTo(256);
      const decoded = await decodeImage(upTo(4) === 0 ? bytes.subarray(0, upTo(bytes.length)) : bytes, {
        maxPixels: 1_000_000,
      });
      if (decoded.ok)
        expect(decoded.image.pixels.length).toBe(
          decoded.image.widthPx * decoded.image.heightPx * decoded.image.channels,
        );
      else expect(decoded.detail).not.toBe("");
      const outcome = decoded.ok ? "ok" : decoded.reason;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(["ok", "torn", "unreadable", "wrong-size"]);
  });
});

const tiles = join(import.meta.dirname, "../../../shared/data/magnetic-tile");
if (!existsSync(tiles)) process.stderr.write(`skipped: photographs are not at ${tiles}\n`);

it.skipIf(!existsSync(tiles))("reads every photograph of the magnetic-tile data as grey", async () => {
  const paths = ["free", "blowhole", "break", "crack", "fray", "uneven"].flatMap((label) =>
    readdirSync(join(tiles, label)).map((name) => join(tiles, label, name)),
  );
  expect(paths.length).toBeGreaterThan(300);
  for (const path of paths)
    expect(await decodeImage(readFileSync(path)), path).toMatchObject({ ok: true, image: { channels: 1 } });
});

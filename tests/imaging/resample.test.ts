import { describe, expect, it } from "vitest";
import type { Image } from "../../src/imaging/image.ts";
import type { PixelRect } from "../../src/imaging/pixel-rect.ts";
import { resampleToRgb, type OutputSize } from "../../src/imaging/resample.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { noiseImage, paintedImage } from "./made-images.ts";

const wholeOf = (image: Image): PixelRect => ({ xPx: 0, yPx: 0, widthPx: image.widthPx, heightPx: image.heightPx });

function resampled(image: Image, rect: PixelRect, size: OutputSize): Uint8Array {
  const output = new Uint8Array(size.widthPx * size.heightPx * 3);
  resampleToRgb(image, rect, size, output, 0);
  return output;
}

interface Share {
  readonly pixel: number;
  readonly weight: number;
}

/** Whole source pixels of one output pixel where both axes shrink at least twofold. */
function blockShares(source: number, outputs: number, output: number): Share[] {
  const [start, end] = [Math.round((output * source) / outputs), Math.round(((output + 1) * source) / outputs)];
  return Array.from({ length: end - start }, (_, at) => ({ pixel: start + at, weight: 1 / (end - start) }));
}

/** Source pixels of one output pixel with their weights, straight from the definition, in floating point. */
function exactShares(source: number, outputs: number, output: number): Share[] {
  const scale = source / outputs;
  const weightOf = (pixel: number): number => {
    if (source > outputs)
      return Math.max(0, Math.min(pixel + 1, (output + 1) * scale) - Math.max(pixel, output * scale)) / scale;
    const centre = Math.min(Math.max((output + 0.5) * scale - 0.5, 0), source - 1);
    return Math.max(0, 1 - Math.abs(pixel - centre));
  };
  return Array.from({ length: source }, (_, pixel) => ({ pixel, weight: weightOf(pixel) })).filter(
    ({ weight }) => weight > 0,
  );
}

const weighted = (shares: readonly Share[], valueOf: (pixel: number) => number): number =>
  shares.reduce((sum, { pixel, weight }) => sum + weight * valueOf(pixel), 0);

function exactlyResampled(image: Image, rect: PixelRect, size: OutputSize): number[] {
  const { pixels, widthPx, channels } = image;
  const shrink = [rect.widthPx / size.widthPx, rect.heightPx / size.heightPx];
  const sharesOf = Math.min(...shrink) >= 2 && Math.max(...shrink) <= 120 ? blockShares : exactShares;
  const columns = Array.from({ length: size.widthPx }, (_, x) => sharesOf(rect.widthPx, size.widthPx, x));
  const rows = Array.from({ length: size.heightPx }, (_, y) => sharesOf(rect.heightPx, size.heightPx, y));
  const start = (rect.yPx * widthPx + rect.xPx) * channels;
  return rows.flatMap((row) => {
    const blended = Array.from({ length: rect.widthPx * channels }, (_, at) =>
      weighted(row, (y) => pixels[start + y * widthPx * channels + at] ?? Number.NaN),
    );
    return columns.flatMap((column) =>
      [0, 1, 2].map((channel) =>
        weighted(column, (x) => blended[x * channels + Math.min(channel, channels - 1)] ?? Number.NaN),
      ),
    );
  });
}

function expectExact(image: Image, rect: PixelRect, size: OutputSize): void {
  const exact = exactlyResampled(image, rect, size);
  const worst = resampled(image, rect, size).reduce(
    (most, value, at) => Math.max(most, Math.abs(value - (exact[at] ?? Number.NaN))),
    0,
  );
  const name = `${rect.widthPx}x${rect.heightPx}+${rect.xPx}+${rect.yPx} of ${image.widthPx}x${image.heightPx}x${image.channels} to ${size.widthPx}x${size.heightPx}`;
  // Half a level is the rounding of the result itself; the rest is fixed-point weights.
  expect(worst, name).toBeLessThanOrEqual(0.56);
}

describe("resampling agrees with its definition in floating point", () => {
  it.each([
    [1, 1, 7, 5],
    [1, 9, 4, 4],
    [9, 1, 4, 4],
    [2, 2, 1, 1],
    [3, 5, 16, 16],
    [5, 3, 3, 5],
    [17, 13, 17, 13],
    [31, 33, 32, 32],
    [64, 48, 32, 32],
    [100, 75, 33, 21],
    [255, 3, 16, 64],
    [501, 37, 7, 3],
    [40, 400, 224, 5],
    [1280, 96, 31, 30],
    [700, 500, 1, 1],
  ])("from %d x %d to %d x %d", (widthPx, heightPx, outputWidthPx, outputHeightPx) => {
    for (const channels of [1, 3] as const) {
      const image = noiseImage({ widthPx, heightPx, channels }, widthPx * heightPx);
      expectExact(image, wholeOf(image), { widthPx: outputWidthPx, heightPx: outputHeightPx });
    }
  });

  it("for 300 random images, crops and sizes", () => {
    const random = seededRandom(11);
    const from1To = (most: number): number => 1 + Math.floor(random() * most);
    for (let round = 0; round < 300; round++) {
      const image = noiseImage(
        { widthPx: from1To(70), heightPx: from1To(70), channels: round % 2 === 0 ? 1 : 3 },
        round,
      );
      const widthPx = from1To(image.widthPx);
      const heightPx = from1To(image.heightPx);
      const xPx = from1To(image.widthPx - widthPx + 1) - 1;
      const yPx = from1To(image.heightPx - heightPx + 1) - 1;
      expectExact(image, { xPx, yPx, widthPx, heightPx }, { widthPx: from1To(40), heightPx: from1To(40) });
    }
  });

  it("for stripes one pixel wide, the worst case of rounded weights", () => {
    for (const channels of [1, 3] as const) {
      const image = paintedImage({ widthPx: 331, heightPx: 217, channels }, (x, y) => ((x + y) % 2) * 255);
      expectExact(image, wholeOf(image), { widthPx: 24, heightPx: 24 });
    }
  });

  it("where both axes shrink just below, at and above twofold, and as far as 16 bits hold", () => {
    for (const channels of [1, 3] as const) {
      for (const [widthPx, heightPx] of [
        [63, 64],
        [64, 64],
        [65, 129],
        [1920, 1080],
        [3840, 3840],
        [3872, 3840],
      ] as const) {
        const image = paintedImage({ widthPx, heightPx, channels }, (x, y) => ((x + y) % 3 === 0 ? 0 : 255));
        expectExact(image, wholeOf(image), { widthPx: 32, heightPx: 32 });
      }
    }
  });

  it("for frames of several chunks, at the size cameras deliver", () => {
    const image = noiseImage({ widthPx: 1280, heightPx: 720, channels: 3 }, 5);
    expectExact(image, wholeOf(image), { widthPx: 20, heightPx: 224 });
    expectExact(image, { xPx: 3, yPx: 1, widthPx: 1271, heightPx: 719 }, { widthPx: 9, heightPx: 11 });
  });
});

describe("resampling", () => {
  it("copies when the sizes are equal", () => {
    const image = noiseImage({ widthPx: 45, heightPx: 31, channels: 3 }, 6);
    expect(resampled(image, wholeOf(image), image)).toEqual(image.pixels);
  });

  it("keeps a flat colour flat at every size, white included", () => {
    const flat = paintedImage(
      { widthPx: 301, heightPx: 97, channels: 3 },
      (_x, _y, channel) => [255, 128, 1][channel] ?? 0,
    );
    for (let side = 1; side < 420; side += 13) {
      const output = resampled(flat, wholeOf(flat), { widthPx: side, heightPx: side });
      expect(output.every((value, at) => value === [255, 128, 1][at % 3])).toBe(true);
    }
  });

  it("is not influenced by pixels outside the region, nor by what was resampled before", () => {
    const rect = { xPx: 10, yPx: 7, widthPx: 21, heightPx: 12 };
    const image = noiseImage({ widthPx: 60, heightPx: 40, channels: 3 }, 8);
    const inside = (x: number, y: number): boolean => x >= 10 && x < 31 && y >= 7 && y < 19;
    const alone = paintedImage(image, (x, y, channel) =>
      inside(x, y) ? (image.pixels[(y * 60 + x) * 3 + channel] ?? 0) : 255,
    );
    const size = { widthPx: 32, heightPx: 5 };
    const before = resampled(image, rect, size);
    resampled(
      noiseImage({ widthPx: 900, heightPx: 700, channels: 1 }, 9),
      { xPx: 0, yPx: 0, widthPx: 900, heightPx: 700 },
      size,
    );
    expect(resampled(alone, rect, size)).toEqual(before);
  });

  it("writes only its own part of a batch", () => {
    const image = noiseImage({ widthPx: 50, heightPx: 50, channels: 1 }, 10);
    const batch = new Uint8Array(3 * 300).fill(77);
    resampleToRgb(image, wholeOf(image), { widthPx: 10, heightPx: 10 }, batch, 300);
    expect(batch.subarray(300, 600)).toEqual(resampled(image, wholeOf(image), { widthPx: 10, heightPx: 10 }));
    expect([...batch.subarray(0, 300), ...batch.subarray(600)].every((value) => value === 77)).toBe(true);
  });

  it("takes the widest image that is accepted", () => {
    const image = paintedImage({ widthPx: 16_384, heightPx: 3, channels: 3 }, (x) => (x < 8_192 ? 10 : 240));
    const output = resampled(image, wholeOf(image), { widthPx: 224, heightPx: 224 });
    expect([0, 111, 112, 223].map((x) => output[x * 3])).toEqual([10, 10, 240, 240]);
  });

  it.each([
    [{ xPx: 1, yPx: 0, widthPx: 8, heightPx: 8 }, "region 8x8+1+0 px is not within the image of 8x8 px"],
    [{ xPx: 0, yPx: -1, widthPx: 8, heightPx: 8 }, "region 8x8+0+-1 px is not within the image of 8x8 px"],
    [{ xPx: 0, yPx: 0, widthPx: 0, heightPx: 8 }, "region 0x8+0+0 px is not within the image of 8x8 px"],
    [{ xPx: 0.5, yPx: 0, widthPx: 4, heightPx: 8 }, "region 4x8+0.5+0 px is not within the image of 8x8 px"],
  ])("refuses a region outside the image: %j", (rect, message) => {
    expect(() =>
      resampled(noiseImage({ widthPx: 8, heightPx: 8, channels: 3 }, 1), rect, { widthPx: 4, heightPx: 4 }),
    ).toThrow(message);
  });

  it("refuses images and outputs that are too short", () => {
    const image = noiseImage({ widthPx: 8, heightPx: 8, channels: 3 }, 1);
    const size = { widthPx: 4, heightPx: 4 };
    expect(() => resampleToRgb(image, wholeOf(image), size, new Uint8Array(50), 3)).toThrow("the output is too short");
    expect(() => resampled({ ...image, pixels: image.pixels.subarray(1) }, wholeOf(image), size)).toThrow(
      "too few bytes",
    );
  });
});

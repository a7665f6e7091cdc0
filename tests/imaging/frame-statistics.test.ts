import { describe, expect, it } from "vitest";
import { frameStatistics, THUMBNAIL_SIDE } from "../../src/imaging/frame-statistics.ts";
import type { Image } from "../../src/imaging/image.ts";
import { noiseImage, paintedImage, tileImage } from "./made-images.ts";

const lumaAt = ({ pixels, channels, widthPx }: Image, x: number, y: number): number => {
  const at = (y * widthPx + x) * channels;
  const [red = 0, green = 0, blue = 0] = pixels.subarray(at, at + 3);
  return channels === 1 ? red : (77 * red + 150 * green + 29 * blue + 128) >> 8;
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The definition, on the groups of rows that stand for a frame whose height is a multiple of 3 up to 96. */
function exactStatistics(image: Image): {
  meanLuminance: number;
  darkShare: number;
  brightShare: number;
  sharpness: number;
} {
  const { widthPx, heightPx } = image;
  const lumas = Array.from({ length: widthPx * heightPx }, (_, at) =>
    lumaAt(image, at % widthPx, Math.floor(at / widthPx)),
  );
  const laplacians: number[] = [];
  for (let y = 1; y < heightPx - 1; y += 3) {
    for (let x = 1; x < widthPx - 1; x++) {
      const around =
        lumaAt(image, x - 1, y) + lumaAt(image, x + 1, y) + lumaAt(image, x, y - 1) + lumaAt(image, x, y + 1);
      laplacians.push(4 * lumaAt(image, x, y) - around);
    }
  }
  const centre = mean(laplacians);
  const meanLuminance = mean(lumas);
  return {
    meanLuminance,
    darkShare: lumas.filter((luma) => luma <= 5).length / lumas.length,
    brightShare: lumas.filter((luma) => luma >= 250).length / lumas.length,
    sharpness: (100 * Math.sqrt(mean(laplacians.map((value) => (value - centre) ** 2)))) / Math.max(1, meanLuminance),
  };
}

describe("frame statistics", () => {
  it.each([
    [3, 3],
    [16, 9],
    [33, 96],
    [50, 21],
    [127, 48],
    [1000, 12],
    [16_384, 3],
  ])("agree with their definition at %d x %d px", (widthPx, heightPx) => {
    for (const channels of [1, 3] as const) {
      for (const image of [
        noiseImage({ widthPx, heightPx, channels }, widthPx),
        tileImage({ widthPx, heightPx, channels }),
      ]) {
        const exact = exactStatistics(image);
        const found = frameStatistics(image, { thumbnail: true });
        for (const key of ["meanLuminance", "darkShare", "brightShare", "sharpness"] as const)
          expect(found[key]).toBeCloseTo(exact[key], 6);
      }
    }
  });

  it("stay close to the truth where only some rows are looked at", () => {
    const found = frameStatistics(tileImage({ widthPx: 640, heightPx: 481, channels: 3 }), { thumbnail: true });
    const every = mean([...tileImage({ widthPx: 640, heightPx: 481, channels: 3 }).pixels]);
    expect(Math.abs(found.meanLuminance - every)).toBeLessThan(12);
  });

  it("hold up to checkerboards, whose squares are the largest there can be", () => {
    const image = paintedImage({ widthPx: 16_384, heightPx: 9, channels: 1 }, (x, y) => ((x + y) % 2) * 255);
    expect(frameStatistics(image, { thumbnail: true }).sharpness).toBeCloseTo((100 * 1020) / 127.5, 6);
  });

  it("do not change with exposure in sharpness, and fall with focus", () => {
    const shape = { widthPx: 320, heightPx: 240, channels: 1 } as const;
    const focused = noiseImage(shape, 12);
    const half = paintedImage(shape, (x, y) => (focused.pixels[y * 320 + x] ?? 0) / 2);
    const soft = paintedImage(shape, (x, y) =>
      mean([-1, 0, 1].map((dx) => focused.pixels[y * 320 + Math.max(0, Math.min(319, x + dx))] ?? 0)),
    );
    const sharpness = frameStatistics(focused, { thumbnail: true }).sharpness;
    expect(frameStatistics(half, { thumbnail: true }).sharpness / sharpness).toBeCloseTo(1, 1);
    expect(frameStatistics(soft, { thumbnail: true }).sharpness / sharpness).toBeLessThan(0.8);
  });

  it("have the same hash for equal frames alone, wherever in a sampled row one bit differs", () => {
    const image = noiseImage({ widthPx: 61, heightPx: 3, channels: 3 }, 13);
    const hash = frameStatistics(image, { thumbnail: true }).contentHash;
    expect(frameStatistics({ ...image, pixels: image.pixels.slice() }, { thumbnail: true }).contentHash).toBe(hash);
    const seen = new Set([hash]);
    for (let at = 61 * 3; at < 2 * 61 * 3; at++) {
      const pixels = image.pixels.slice();
      pixels[at] = (pixels[at] ?? 0) ^ 1;
      seen.add(frameStatistics({ ...image, pixels }, { thumbnail: true }).contentHash);
    }
    expect(seen.size).toBe(61 * 3 + 1);
  });

  it("differ in hash for two frames of one scene with sensor noise", () => {
    const shape = { widthPx: 640, heightPx: 480, channels: 3 } as const;
    expect(frameStatistics(noiseImage(shape, 1), { thumbnail: true }).contentHash).not.toBe(
      frameStatistics(noiseImage(shape, 2), { thumbnail: true }).contentHash,
    );
  });

  it("show in the thumbnail what stands where", () => {
    for (const channels of [1, 3] as const) {
      for (const [widthPx, heightPx] of [
        [640, 480],
        [97, 64],
        [20, 10],
        [1, 1],
        [5, 2],
      ] as const) {
        const image = paintedImage(
          { widthPx, heightPx, channels },
          (x, y) => ((x + 0.5) / widthPx) * 100 + ((y + 0.5) / heightPx) * 100,
        );
        const { thumbnail } = frameStatistics(image, { thumbnail: true });
        expect(thumbnail.length).toBe(THUMBNAIL_SIDE ** 2);
        const slack = 3 + 200 / Math.min(widthPx, heightPx);
        for (const [cell, value] of thumbnail.entries()) {
          const there = (((cell % 32) + 0.5) / 32) * 100 + ((Math.floor(cell / 32) + 0.5) / 32) * 100;
          expect(Math.abs(value - there), `cell ${cell} of ${widthPx}x${heightPx}`).toBeLessThan(slack);
        }
      }
    }
  });

  it("know a frame whose last rows never arrived", () => {
    const shape = { widthPx: 64, heightPx: 48, channels: 3 } as const;
    const whole = noiseImage(shape, 14);
    const cutAt = (row: number, fill: readonly number[]): Image =>
      paintedImage(shape, (x, y, channel) =>
        y >= row ? (fill[channel] ?? 0) : (whole.pixels[(y * 64 + x) * 3 + channel] ?? 0),
      );
    expect(frameStatistics(whole, { thumbnail: true }).flatBottomRows).toBe(false);
    for (const fill of [
      [0, 0, 0],
      [0, 135, 0],
      [128, 128, 128],
    ]) {
      expect(frameStatistics(cutAt(46, fill), { thumbnail: true }).flatBottomRows).toBe(true);
      expect(frameStatistics(cutAt(10, fill), { thumbnail: true }).flatBottomRows).toBe(true);
    }
    expect(frameStatistics(cutAt(47, [0, 0, 0]), { thumbnail: true }).flatBottomRows, "one row may be chance").toBe(
      false,
    );
    expect(
      frameStatistics(cutAt(30, [255, 255, 255]), { thumbnail: true }).flatBottomRows,
      "saturated, not missing",
    ).toBe(false);
    expect(
      frameStatistics(cutAt(0, [0, 0, 0]), { thumbnail: true }).flatBottomRows,
      "wholly black: dark, not torn",
    ).toBe(false);
  });

  it("do not fail on the smallest frames", () => {
    for (const [widthPx, heightPx] of [
      [1, 1],
      [2, 2],
      [1, 200],
      [200, 1],
      [3, 2],
    ] as const) {
      for (const channels of [1, 3] as const) {
        const flat = paintedImage({ widthPx, heightPx, channels }, () => 90);
        expect(frameStatistics(flat, { thumbnail: true })).toMatchObject({
          meanLuminance: 90,
          darkShare: 0,
          brightShare: 0,
          sharpness: 0,
          flatBottomRows: false,
        });
      }
    }
  });
});

import { describe, expect, test } from "vitest";
import { inverseMap, type Movement, STILL } from "../../src/imaging/affine.ts";
import { augmentToRgb, coverageOf, type PixelChange, unchanged } from "../../src/imaging/augment.ts";
import type { Image } from "../../src/imaging/image.ts";
import { toneTable } from "../../src/imaging/tone-table.ts";
import { noiseImage, paintedImage } from "./made-images.ts";

function augmented(canvas: Image, movement: Partial<Movement>, more: Partial<PixelChange> = {}): Uint8Array {
  const output = new Uint8Array(canvas.widthPx * canvas.heightPx * 3);
  augmentToRgb(
    canvas,
    { ...unchanged(canvas), outside: "mirror", map: inverseMap({ ...STILL, ...movement }, canvas), ...more },
    output,
    0,
  );
  return output;
}

/** RGB bytes of a picture that takes every pixel from where `from` says. */
function rearranged(canvas: Image, from: (x: number, y: number) => readonly [number, number]): Uint8Array {
  const { widthPx, heightPx, channels, pixels } = canvas;
  const output = new Uint8Array(widthPx * heightPx * 3);
  for (let at = 0; at < output.length; at++) {
    const pixel = Math.floor(at / 3);
    const [x, y] = from(pixel % widthPx, Math.floor(pixel / widthPx));
    output[at] = pixels[(y * widthPx + x) * channels + (channels === 3 ? at % 3 : 0)] ?? 0;
  }
  return output;
}

/** The same mathematics in double precision. */
function slowlyWarped(canvas: Image, movement: Partial<Movement>): Float64Array {
  const { widthPx, heightPx, channels, pixels } = canvas;
  const map = inverseMap({ ...STILL, ...movement }, canvas);
  const mirror = (at: number, size: number): number => {
    const within = ((at % (2 * size)) + 2 * size) % (2 * size);
    return within < size ? within : 2 * size - 1 - within;
  };
  return Float64Array.from({ length: widthPx * heightPx * 3 }, (_, at) => {
    const x = Math.floor(at / 3) % widthPx;
    const y = Math.floor(at / 3 / widthPx);
    const fromX = (x * map.xFromX + y * map.xFromY + map.xAtOrigin) / 65_536;
    const fromY = (x * map.yFromX + y * map.yFromY + map.yAtOrigin) / 65_536;
    let sum = 0;
    for (const [stepX, stepY] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      const nearX = Math.floor(fromX) + stepX;
      const nearY = Math.floor(fromY) + stepY;
      const weight = (1 - Math.abs(fromX - nearX)) * (1 - Math.abs(fromY - nearY));
      const pixel = mirror(nearY, heightPx) * widthPx + mirror(nearX, widthPx);
      sum += weight * (pixels[pixel * channels + (channels === 3 ? at % 3 : 0)] ?? 0);
    }
    return sum;
  });
}

describe.each([1, 3] as const)("a canvas of %i channels", (channels) => {
  const canvas = noiseImage({ widthPx: 37, heightPx: 22, channels }, 4);
  const square = noiseImage({ widthPx: 33, heightPx: 33, channels }, 5);

  test("comes back byte for byte when nothing changes", () => {
    expect(augmented(canvas, {})).toEqual(rearranged(canvas, (x, y) => [x, y]));
  });

  test("is flipped, turned and shifted by whole pixels exactly", () => {
    const right = 36;
    const bottom = 21;
    expect(augmented(canvas, { flipHorizontal: true })).toEqual(rearranged(canvas, (x, y) => [right - x, y]));
    expect(augmented(canvas, { flipVertical: true })).toEqual(rearranged(canvas, (x, y) => [x, bottom - y]));
    expect(augmented(canvas, { quarterTurns: 2 })).toEqual(rearranged(canvas, (x, y) => [right - x, bottom - y]));
    expect(augmented(square, { quarterTurns: 1 })).toEqual(rearranged(square, (x, y) => [y, 32 - x]));
    expect(augmented(square, { quarterTurns: 3 })).toEqual(rearranged(square, (x, y) => [32 - y, x]));
    expect(augmented(canvas, { shiftXPx: 3, shiftYPx: -2 })).toEqual(
      rearranged(canvas, (x, y) => [x < 3 ? 2 - x : x - 3, y > bottom - 2 ? 2 * bottom - 1 - y : y + 2]),
    );
  });

  test("goes on with its edge pixels where it is told to", () => {
    const shifted = augmented(canvas, { shiftXPx: -5, shiftYPx: 4 }, { outside: "edge" });
    expect(shifted).toEqual(rearranged(canvas, (x, y) => [Math.min(36, x + 5), Math.max(0, y - 4)]));
  });

  test("is rotated, scaled, stretched and shifted as the mathematics says, mirrored outside", () => {
    const movement = {
      rotationDegrees: 17,
      scale: 0.8,
      aspect: 1.1,
      shiftXPx: 2.3,
      shiftYPx: -1.7,
      flipVertical: true,
    };
    const exact = slowlyWarped(canvas, movement);
    const farthest = augmented(canvas, movement).reduce(
      (most, value, at) => Math.max(most, Math.abs(value - (exact[at] ?? 0))),
      0,
    );
    // Weights have 7 bits: two of them off by 1/128 on values up to 255.
    expect(farthest).toBeLessThan(4.5);
  });

  test("is blurred without a change of its mean, smoother where sigma is larger", () => {
    const spread = (bytes: Uint8Array): [mean: number, deviation: number] => {
      const mean = bytes.reduce((sum, value) => sum + value, 0) / bytes.length;
      return [mean, Math.sqrt(bytes.reduce((sum, value) => sum + (value - mean) ** 2, 0) / bytes.length)];
    };
    const [mean, deviation] = spread(augmented(canvas, {}));
    const [mildMean, mild] = spread(augmented(canvas, {}, { blurSigmaPx: 0.7 }));
    const [, strong] = spread(augmented(canvas, {}, { blurSigmaPx: 1.5 }));
    expect(Math.abs(mildMean - mean)).toBeLessThan(2);
    // White noise through a Gaussian keeps 1 / (2 sqrt(pi) sigma) of its deviation.
    expect(mild / deviation).toBeCloseTo(1 / (2 * Math.sqrt(Math.PI) * 0.7), 1);
    expect(strong / deviation).toBeCloseTo(1 / (2 * Math.sqrt(Math.PI) * 1.5), 1);
  });

  test("gets noise of the wanted deviation, the same for the same seed and other for another", () => {
    const flat = paintedImage({ widthPx: 120, heightPx: 100, channels }, () => 128);
    const noisy = (noiseSeed: number): Uint8Array => augmented(flat, {}, { noiseSigmaLevels: 6, noiseSeed });
    const noise = Array.from(noisy(9), (value) => value - 128);
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const deviation = Math.sqrt(noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length);
    expect(Math.abs(mean)).toBeLessThan(0.2);
    expect(deviation).toBeGreaterThan(5.8);
    expect(deviation).toBeLessThan(6.2);
    expect(noisy(9)).toEqual(noisy(9));
    expect(noisy(10)).not.toEqual(noisy(9));
    if (channels === 1) expect(noise.every((value, at) => value === noise[at - (at % 3)])).toBe(true);
  });

  test("takes its values from the tone table", () => {
    const tone = toneTable({ brightness: 0.1, contrast: 1.2, gamma: 0.8 });
    expect(augmented(canvas, {}, { tone })).toEqual(augmented(canvas, {}).map((value) => tone?.[value] ?? 0));
  });
});

test("a tone of no change is no table, and the table never falls", () => {
  expect(toneTable({ brightness: 0, contrast: 1, gamma: 1 })).toBeNull();
  const table = toneTable({ brightness: -0.1, contrast: 1.3, gamma: 1.2 }) ?? new Uint8Array();
  expect(table.every((value, at) => at === 0 || value >= (table[at - 1] ?? 0))).toBe(true);
  expect([table[0], table[255]]).toEqual([0, 255]);
});

test("a mask goes where its canvas goes, and its cells hold the covered share", () => {
  const spot = (x: number, y: number): number => (x >= 10 && x < 20 && y >= 4 && y < 12 ? 255 : 0);
  const mask = paintedImage({ widthPx: 40, heightPx: 40, channels: 1 }, spot);
  for (const movement of [{}, { flipHorizontal: true }, { rotationDegrees: 30, shiftXPx: 4.2, scale: 1.2 }]) {
    const map = inverseMap({ ...STILL, ...movement }, mask);
    const coverage = new Float32Array(100);
    coverageOf(mask, { map, outside: "mirror" }, { columns: 10, rows: 10 }, coverage, 0);
    const moved = augmented(mask, movement);
    const expected = Float32Array.from(coverage, (_, cell) => {
      let sum = 0;
      for (let y = 0; y < 4; y++)
        for (let x = 0; x < 4; x++) {
          sum += moved[((Math.floor(cell / 10) * 4 + y) * 40 + (cell % 10) * 4 + x) * 3] ?? 0;
        }
      return sum / (255 * 16);
    });
    expect(coverage).toEqual(expected);
  }
  const corner = new Float32Array(2);
  coverageOf(mask, unchanged(mask), { columns: 2, rows: 1 }, corner, 0);
  expect(corner[0]).toBeCloseTo(80 / 800);
  expect(corner[1]).toBe(0);
});

test("what cannot be done is refused", () => {
  const canvas = noiseImage({ widthPx: 8, heightPx: 8, channels: 1 }, 1);
  expect(() => augmented(canvas, {}, { blurSigmaPx: 9 })).toThrow("a blur of 9 px is not within 0 to 2");
  expect(() => augmented(canvas, {}, { noiseSigmaLevels: -1 })).toThrow("noise of -1 levels");
  expect(() => augmented({ ...canvas, widthPx: 9 }, {})).toThrow("too few bytes");
});

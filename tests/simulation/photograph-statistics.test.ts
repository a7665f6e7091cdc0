import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { expect, it } from "vitest";
import { DEFAULT_LINE, PHOTOGRAPHED_GREY } from "../../src/simulation/line-settings.ts";
import { renderPart } from "../../src/simulation/render-part.ts";

const DATA = fileURLToPath(new URL("../../../shared/data/magnetic-tile/", import.meta.url));
const hasData = existsSync(`${DATA}index.csv`);
if (!hasData) console.log(`skipped: ${DATA} is absent, so simulated parts are not compared with photographs`);

interface Grey {
  readonly pixels: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}
const DISTANCES_PX = [1, 2, 4, 8, 16, 32] as const;

/**
 * Root mean square grey difference of pixels a distance apart, along rows and along columns, over the mean, in the
 * middle of the frame. Its growth with distance is the power spectrum in another form.
 */
function structure({ pixels, widthPx, heightPx }: Grey): number[] {
  const [left, right] = [Math.floor(0.2 * widthPx), Math.floor(0.8 * widthPx)];
  const [top, bottom] = [Math.floor(0.2 * heightPx), Math.floor(0.8 * heightPx)];
  let sum = 0;
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += pixels[y * widthPx + x] ?? 0;
  const mean = sum / ((right - left) * (bottom - top));
  const difference = (dx: number, dy: number): number => {
    let squares = 0;
    let count = 0;
    for (let y = top; y + dy < bottom; y++) {
      for (let x = left; x + dx < right; x++, count++)
        squares += ((pixels[y * widthPx + x] ?? 0) - (pixels[(y + dy) * widthPx + x + dx] ?? 0)) ** 2;
    }
    return Math.sqrt(squares / count) / mean;
  };
  return [...DISTANCES_PX.map((px) => difference(px, 0)), ...DISTANCES_PX.map((px) => difference(0, px))];
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const medians = (rows: readonly number[][]): number[] =>
  (rows[0] ?? []).map((_, at) => median(rows.map((row) => row[at] ?? 0)));
const meanGrey = ({ pixels }: Grey): number => pixels.reduce((total, value) => total + value, 0) / pixels.length;

async function photographs(lighting: number): Promise<Grey[]> {
  const files = readFileSync(`${DATA}index.csv`, "utf8")
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(","))
    .filter(([, , , taken]) => Number(taken) === lighting);
  const some = files.filter((_, at) => at % 8 === 0);
  return Promise.all(
    some.map(async ([file = ""]) => {
      const { data, info } = await sharp(DATA + file)
        .greyscale()
        .raw()
        .toBuffer({ resolveWithObject: true });
      return { pixels: data, widthPx: info.width, heightPx: info.height };
    }),
  );
}

it.skipIf(!hasData).each([1, 4, 6])(
  "looks like the photographs under lighting %i in brightness and texture",
  async (lighting) => {
    const real = await photographs(lighting);
    const settings = {
      ...DEFAULT_LINE,
      seed: lighting,
      defectRate: 0.3,
      lighting: { ...DEFAULT_LINE.lighting, meanGrey: PHOTOGRAPHED_GREY[lighting - 1] ?? 0 },
    };
    const simulated = Array.from({ length: 40 }, (_, index) => renderPart(settings, index).image);
    const brightness = median(simulated.map(meanGrey)) / median(real.map(meanGrey));
    expect(brightness).toBeGreaterThan(0.85);
    expect(brightness).toBeLessThan(1.18);
    const ratios = medians(simulated.map(structure)).map(
      (value, at) => value / (medians(real.map(structure))[at] ?? 0),
    );
    for (const [at, ratio] of ratios.entries()) {
      expect(
        ratio,
        `structure function, entry ${at}: ${ratios.map((value) => value.toFixed(2)).join(" ")}`,
      ).toBeGreaterThan(0.72);
      expect(
        ratio,
        `structure function, entry ${at}: ${ratios.map((value) => value.toFixed(2)).join(" ")}`,
      ).toBeLessThan(1.35);
    }
  },
);

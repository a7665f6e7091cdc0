import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { LineSettings } from "../../src/simulation/line-settings.ts";
import { DEFAULT_LINE, DEFECT_CLASSES } from "../../src/simulation/line-settings.ts";
import { labelOf, renderPart, renderWithoutDefect } from "../../src/simulation/render-part.ts";

const SMALL: LineSettings = { ...DEFAULT_LINE, widthPx: 160, heightPx: 200 };

const hashOf = (pixels: Uint8Array): string => createHash("sha256").update(pixels).digest("hex");
const meanOf = (pixels: Uint8Array): number => pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
const markedIn = (mask: Uint8Array): number => mask.reduce((count, value) => count + (value === 255 ? 1 : 0), 0);

describe("a part of the simulated line", () => {
  it("is the same byte for byte however often and in whatever order it is rendered", () => {
    const first = [3, 1, 2].map((index) => renderPart({ ...SMALL, defectRate: 0.5 }, index));
    const again = [2, 3, 1].map((index) => renderPart({ ...SMALL, defectRate: 0.5 }, index));
    for (const part of first) {
      const same = again.find((other) => other.index === part.index);
      expect(hashOf(same?.image.pixels ?? new Uint8Array())).toBe(hashOf(part.image.pixels));
      expect(hashOf(same?.mask.pixels ?? new Uint8Array())).toBe(hashOf(part.mask.pixels));
      expect(same?.partId).toBe(part.partId);
    }
  });

  it("differs with the seed and with the index, also where the two add up to the same", () => {
    const hashes = new Set<string>();
    for (let seed = 0; seed < 5; seed++) {
      for (let index = 0; index < 5; index++)
        hashes.add(hashOf(renderPart({ ...SMALL, widthPx: 64, heightPx: 64, seed }, index).image.pixels));
    }
    expect(hashes.size).toBe(25);
  });

  it("has the size asked for, one channel and a mask of zeros and 255", () => {
    const part = renderPart({ ...SMALL, defectRate: 1 }, 0);
    expect(part.image).toMatchObject({ widthPx: 160, heightPx: 200, channels: 1 });
    expect(part.image.pixels.length).toBe(160 * 200);
    expect(part.mask.pixels.length).toBe(160 * 200);
    expect([...new Set(part.mask.pixels)].sort((a, b) => a - b)).toEqual([0, 255]);
  });

  it("meets the defect rate and the class mix", () => {
    const settings: LineSettings = { ...SMALL, defectRate: 0.2, classMix: { crack: 3, fray: 1 } };
    const counts = new Map<string, number>();
    const parts = 20_000;
    for (let index = 0; index < parts; index++) {
      const label = labelOf(settings, index);
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["crack", "fray", "free"]);
    // Within four standard deviations of the binomial.
    const near = (label: string, share: number): void =>
      expect(Math.abs((counts.get(label) ?? 0) / parts - share)).toBeLessThan(
        4 * Math.sqrt((share * (1 - share)) / parts),
      );
    near("free", 0.8);
    near("crack", 0.15);
    near("fray", 0.05);
  });

  it("marks nothing on a good part", () => {
    for (let index = 0; index < 5; index++) {
      const part = renderPart({ ...SMALL, defectRate: 0 }, index);
      expect(part.label).toBe("free");
      expect(markedIn(part.mask.pixels)).toBe(0);
      expect(hashOf(part.image.pixels)).toBe(hashOf(renderWithoutDefect({ ...SMALL, defectRate: 0 }, index).pixels));
    }
  });
});

describe.each(DEFECT_CLASSES)("a part with the defect %s", (name) => {
  const settings: LineSettings = { ...DEFAULT_LINE, seed: 11, defectRate: 1, classMix: { [name]: 1 } };

  it("carries its mask where the picture differs from the same part without the defect", () => {
    for (let index = 0; index < 12; index++) {
      const part = renderPart(settings, index);
      const good = renderWithoutDefect(settings, index);
      expect(part.label).toBe(name);
      const marked = markedIn(part.mask.pixels);
      expect(marked, `part ${index}`).toBeGreaterThanOrEqual(12);
      let changeInside = 0;
      let changeOutside = 0;
      for (const [at, value] of part.image.pixels.entries()) {
        const change = Math.abs(value - (good.pixels[at] ?? 0));
        if (part.mask.pixels[at] === 255) changeInside += change;
        else changeOutside += change;
      }
      const insidePerPixel = changeInside / marked;
      const outsidePerPixel = changeOutside / (good.pixels.length - marked);
      expect(insidePerPixel, `part ${index}`).toBeGreaterThan(1);
      expect(insidePerPixel, `part ${index}`).toBeGreaterThan(5 * outsidePerPixel);
    }
  });
});

describe("the line's drift", () => {
  const drift = { from: { part: 100 }, rampParts: 50, lampLoss: 0, contrastLoss: 0, blurPx: 0, dustSpots: 0 };
  const plain: LineSettings = { ...SMALL, lighting: { ...DEFAULT_LINE.lighting, meanGrey: 90 } };
  const spread = (pixels: Uint8Array): number => {
    const mean = meanOf(pixels);
    return Math.sqrt(pixels.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels.length);
  };
  const sharpness = (pixels: Uint8Array): number =>
    pixels.reduce((sum, value, at) => sum + (at === 0 ? 0 : Math.abs(value - (pixels[at - 1] ?? 0))), 0) /
    pixels.length;
  const ratios = (drifting: LineSettings, index: number, measure: (pixels: Uint8Array) => number): number =>
    measure(renderPart(drifting, index).image.pixels) / measure(renderPart(plain, index).image.pixels);

  it("leaves every part before its start untouched", () => {
    const drifting = { ...plain, drift: { ...drift, lampLoss: 0.5, dustSpots: 20, blurPx: 2 } };
    expect(hashOf(renderPart(drifting, 99).image.pixels)).toBe(hashOf(renderPart(plain, 99).image.pixels));
  });

  it("dims the lamp by the stated share, half of it half-way up the ramp", () => {
    const drifting = { ...plain, drift: { ...drift, lampLoss: 0.4 } };
    expect(ratios(drifting, 125, meanOf)).toBeCloseTo(0.8, 1);
    expect(Math.abs(ratios(drifting, 125, meanOf) - 0.8)).toBeLessThan(0.03);
    expect(Math.abs(ratios(drifting, 150, meanOf) - 0.6)).toBeLessThan(0.03);
    expect(Math.abs(ratios(drifting, 5000, meanOf) - 0.6)).toBeLessThan(0.03);
  });

  it("starts by time at the line's rate", () => {
    const drifting = {
      ...plain,
      partsPerSecond: 10,
      drift: { ...drift, from: { seconds: 10 }, rampParts: 0, lampLoss: 0.4 },
    };
    expect(hashOf(renderPart(drifting, 99).image.pixels)).toBe(hashOf(renderPart(plain, 99).image.pixels));
    expect(Math.abs(ratios(drifting, 100, meanOf) - 0.6)).toBeLessThan(0.03);
  });

  it("takes the stated share of the contrast and keeps the brightness about as it was", () => {
    const drifting = { ...plain, drift: { ...drift, contrastLoss: 0.5 } };
    expect(Math.abs(ratios(drifting, 200, spread) - 0.5)).toBeLessThan(0.08);
    expect(Math.abs(ratios(drifting, 200, meanOf) - 1)).toBeLessThan(0.25);
  });

  it("blurs the picture and leaves its brightness", () => {
    const drifting = { ...plain, drift: { ...drift, blurPx: 2 } };
    expect(ratios(drifting, 200, sharpness)).toBeLessThan(0.6);
    expect(Math.abs(ratios(drifting, 200, meanOf) - 1)).toBeLessThan(0.01);
  });

  it("puts its dust at the same place of every frame", () => {
    const drifting = { ...plain, drift: { ...drift, dustSpots: 8 } };
    const dimmed = [200, 201].map((index) => {
      const dusty = renderPart(drifting, index).image.pixels;
      const clean = renderPart(plain, index).image.pixels;
      return new Set(
        [...clean.keys()].filter((at) => (clean[at] ?? 0) > 60 && (dusty[at] ?? 0) < 0.8 * (clean[at] ?? 0)),
      );
    });
    const [first, second] = dimmed;
    if (first === undefined || second === undefined) throw new Error("two parts were rendered");
    expect(first.size).toBeGreaterThan(100);
    const shared = [...first].filter((at) => second.has(at)).length;
    expect(shared / first.size).toBeGreaterThan(0.6);
  });
});

import { expect, test } from "vitest";
import type { Image } from "../../src/imaging/image.ts";
import type { StoredRegion } from "../../src/training/pixel-store.ts";
import { canTransplant, transplant } from "../../src/training/transplant.ts";

const SIDE_PX = 40;

const flat = (grey: number): Image => ({
  pixels: new Uint8Array(SIDE_PX * SIDE_PX).fill(grey),
  widthPx: SIDE_PX,
  heightPx: SIDE_PX,
  channels: 1,
});

/** A part of even grey with a square defect of another grey in its middle. */
function donor(grey: number, defectGrey: number, changes: Partial<StoredRegion> = {}): StoredRegion {
  const canvas = flat(grey);
  for (let y = 16; y < 24; y++) canvas.pixels.fill(defectGrey, y * SIDE_PX + 16, y * SIDE_PX + 24);
  const rect = { xPx: 0, yPx: 0, widthPx: SIDE_PX, heightPx: SIDE_PX };
  return {
    sampleIndex: 0,
    rect,
    frameSize: { widthPx: SIDE_PX, heightPx: SIDE_PX },
    label: "crack",
    classIndex: 1,
    group: "a",
    sha256: "",
    isWhole: true,
    canvas,
    mask: { xPx: 16, yPx: 16, widthPx: 8, heightPx: 8, pixels: new Uint8Array(64).fill(255) },
    isOutlined: true,
    ...changes,
  };
}

const at = ({ pixels }: Image, x: number, y: number): number => pixels[y * SIDE_PX + x] ?? NaN;

test("the defect lies at its own place on the other part, as much darker as it was on its own", () => {
  const moved = transplant(donor(100, 50), flat(200));
  expect(at(moved, 20, 20)).toBe(100);
  expect(at(moved, 2, 2)).toBe(200);
  expect(at(moved, 35, 20)).toBe(200);
});

test("nothing shows where the cut was: surroundings of even grey stay even", () => {
  const moved = transplant(donor(100, 50), flat(200));
  for (let x = 0; x < 16; x++) expect(Math.abs(at(moved, x, 20) - 200)).toBeLessThanOrEqual(1);
});

test("the host keeps its own picture", () => {
  const host = flat(200);
  transplant(donor(100, 50), host);
  expect(host.pixels.every((value) => value === 200)).toBe(true);
});

test("only small outlined defects are moved", () => {
  expect(canTransplant(donor(100, 50))).toBe(true);
  expect(canTransplant(donor(100, 50, { isOutlined: false }))).toBe(false);
  expect(canTransplant(donor(100, 50, { mask: "clear" }))).toBe(false);
  expect(canTransplant(donor(100, 50, { mask: null }))).toBe(false);
  const most = { xPx: 0, yPx: 0, widthPx: 30, heightPx: 30, pixels: new Uint8Array(900).fill(255) };
  expect(canTransplant(donor(100, 50, { mask: most }))).toBe(false);
});

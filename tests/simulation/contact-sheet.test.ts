import sharp from "sharp";
import { expect, it } from "vitest";
import { contactSheet } from "../../src/simulation/contact-sheet.ts";

const flat = (grey: number, widthPx: number, heightPx: number) =>
  ({ pixels: new Uint8Array(widthPx * heightPx).fill(grey), widthPx, heightPx, channels: 1 }) as const;

it("lays images out row by row at their own scale, cut to the cell", async () => {
  const cells = [
    { image: flat(200, 40, 30), caption: "one" },
    { image: flat(100, 90, 90), caption: "a < b & c" },
    { image: flat(50, 10, 10), caption: "three" },
  ];
  const png = await contactSheet(cells, { columns: 2, cellWidthPx: 50, cellHeightPx: 40 });
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const grey = (x: number, y: number): number | undefined => data[(y * info.width + x) * info.channels];
  expect([info.width, info.height]).toEqual([112, 124]);
  expect(grey(39, 16)).toBe(200);
  expect(grey(41, 17)).not.toBe(200);
  expect(grey(56 + 49, 16 + 39)).toBe(100);
  expect(grey(56 + 51, 16 + 39)).not.toBe(100);
  expect(grey(5, 62 + 16 + 5)).toBe(50);
});

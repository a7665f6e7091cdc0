import { describe, expect, it } from "vitest";
import { batchBytes, planRegions, preprocess, type RegionRect } from "../../../src/pipeline/preprocess/preprocess.ts";
import { noiseImage } from "../../imaging/made-images.ts";

/** How many regions lie over every pixel. */
function coverage(frame: { widthPx: number; heightPx: number }, rects: readonly RegionRect[]): number[] {
  const counts = new Array<number>(frame.widthPx * frame.heightPx).fill(0);
  for (const { xPx, yPx, widthPx, heightPx } of rects) {
    for (let y = yPx; y < yPx + heightPx; y++) {
      for (let x = xPx; x < xPx + widthPx; x++)
        counts[y * frame.widthPx + x] = (counts[y * frame.widthPx + x] ?? 0) + 1;
    }
  }
  return counts;
}

describe("regions", () => {
  it("are the whole frame unless a grid is asked for", () => {
    expect(planRegions({ widthPx: 640, heightPx: 480 }, { mode: "full" })).toEqual([
      { xPx: 0, yPx: 0, widthPx: 640, heightPx: 480 },
    ]);
  });

  it("of a grid without margin cover every pixel exactly once, in cells of nearly equal size", () => {
    for (const [widthPx, heightPx, rows, cols] of [
      [60, 40, 2, 3],
      [61, 41, 4, 7],
      [7, 5, 5, 7],
      [100, 1, 1, 9],
    ] as const) {
      const rects = planRegions({ widthPx, heightPx }, { mode: "grid", rows, cols, marginPx: 0 });
      expect(rects.length).toBe(rows * cols);
      expect(new Set(coverage({ widthPx, heightPx }, rects))).toEqual(new Set([1]));
      const widths = rects.map((rect) => rect.widthPx);
      expect(Math.max(...widths) - Math.min(...widths)).toBeLessThanOrEqual(1);
    }
  });

  it("run row by row from the top left and grow by the margin, clipped at the frame", () => {
    expect(planRegions({ widthPx: 100, heightPx: 60 }, { mode: "grid", rows: 2, cols: 2, marginPx: 8 })).toEqual([
      { xPx: 0, yPx: 0, widthPx: 58, heightPx: 38 },
      { xPx: 42, yPx: 0, widthPx: 58, heightPx: 38 },
      { xPx: 0, yPx: 22, widthPx: 58, heightPx: 38 },
      { xPx: 42, yPx: 22, widthPx: 58, heightPx: 38 },
    ]);
    const whole = planRegions({ widthPx: 10, heightPx: 10 }, { mode: "grid", rows: 2, cols: 1, marginPx: 500 });
    expect(whole).toEqual([0, 1].map(() => ({ xPx: 0, yPx: 0, widthPx: 10, heightPx: 10 })));
  });

  it("are never empty, even of a grid finer than the frame", () => {
    const rects = planRegions({ widthPx: 3, heightPx: 2 }, { mode: "grid", rows: 8, cols: 8, marginPx: 0 });
    expect(new Set(coverage({ widthPx: 3, heightPx: 2 }, rects))).toEqual(new Set([1]));
    expect(rects.every((rect) => rect.widthPx === 1 && rect.heightPx === 1)).toBe(true);
  });
});

describe("a batch", () => {
  const input = { widthPx: 24, heightPx: 16 };
  const frame = noiseImage({ widthPx: 90, heightPx: 70, channels: 3 }, 1);
  const rects = planRegions(frame, { mode: "grid", rows: 2, cols: 2, marginPx: 3 });

  it("holds every region in order, as it would be alone", () => {
    const batch = preprocess(frame, rects, input);
    expect(batch.length).toBe(batchBytes(4, input));
    for (const [item, rect] of rects.entries()) {
      expect(batch.subarray(item * batchBytes(1, input), (item + 1) * batchBytes(1, input))).toEqual(
        preprocess(frame, [rect], input),
      );
    }
  });

  it("owns its memory, or fills the memory it is given and nothing after", () => {
    expect(preprocess(frame, rects, input).buffer.byteLength).toBe(batchBytes(4, input));
    const supplied = new Uint8Array(batchBytes(5, input)).fill(9);
    const batch = preprocess(frame, rects, input, supplied);
    expect(batch.buffer).toBe(supplied.buffer);
    expect(batch).toEqual(preprocess(frame, rects, input));
    expect(supplied.subarray(batch.length).every((value) => value === 9)).toBe(true);
  });

  it("is grey in all three channels for a grey frame", () => {
    const grey = noiseImage({ widthPx: 90, heightPx: 70, channels: 1 }, 2);
    const colour = {
      ...grey,
      channels: 3 as const,
      pixels: Uint8Array.from({ length: 90 * 70 * 3 }, (_, at) => grey.pixels[Math.floor(at / 3)] ?? 0),
    };
    expect(preprocess(grey, rects, input)).toEqual(preprocess(colour, rects, input));
  });

  it("refuses memory that is too short", () => {
    expect(() => preprocess(frame, rects, input, new Uint8Array(batchBytes(3, input)))).toThrow(
      "the output is too short",
    );
  });
});

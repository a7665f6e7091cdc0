import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { csvLine } from "../../src/platform/csv.ts";
import { encodePng } from "../../src/imaging/encode-jpeg.ts";
import type { Image } from "../../src/imaging/image.ts";
import { seededRandom } from "../../src/platform/random.ts";

export async function put(folder: string, file: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), content);
}

/** Every seed another picture. */
export function picture(seed: number, widthPx = 20, heightPx = 12): Image {
  const random = seededRandom(seed);
  const pixels = Uint8Array.from({ length: widthPx * heightPx }, () => 40 + Math.floor(random() * 160));
  return { pixels, widthPx, heightPx, channels: 1 };
}

export const pngOf = (seed: number, widthPx = 20, heightPx = 12): Promise<Uint8Array> =>
  encodePng(picture(seed, widthPx, heightPx));

/** What the set of `putSet` holds: labels, boxes, parts and words that break careless formats. */
export const ROWS = [
  { file: "good/a.png", label: "good", boxes: "", part: "p1", shift: 'früh, "A"' },
  { file: "good/b.png", label: "good", boxes: "[]", part: "p2", shift: "007" },
  { file: "scratch/c.png", label: "scratch", boxes: '[["scratch",1,2,5,3],["dent",7.5,0,2,2]]', part: "p3", shift: "" },
  { file: "scratch/d.png", label: "scratch", boxes: "", part: "p3", shift: "x\ny" },
  { file: "odd/e.png", label: "Öl / Fleck", boxes: '[["dent",0,0,20,12]]', part: "p4", shift: "=1+1" },
  { file: "odd/f.png", label: "dent", boxes: "[]", part: "p5", shift: "none" },
] as const;

/** A folder per class with index.csv, boxes, a mask, and metadata. */
export async function putSet(folder: string): Promise<void> {
  for (const [index, { file }] of ROWS.entries()) await put(folder, file, await pngOf(index + 1));
  await put(folder, "masks/scratch/c.png", await pngOf(100));
  const lines = ROWS.map(({ file, label, boxes, part, shift }) => csvLine([file, label, boxes, part, shift, "1"]));
  await put(folder, "index.csv", csvLine(["file", "label", "boxes", "part", "shift", "synthetic"]) + lines.join(""));
}

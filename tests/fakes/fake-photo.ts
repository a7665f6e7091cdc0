import type { Image } from "../../src/imaging/image.ts";
import { seededRandom } from "../../src/platform/random.ts";

export interface FakePhoto {
  readonly image: Image;
  /** px in the frame; null on a good part. */
  readonly defect: { readonly x: number; readonly y: number; readonly width: number; readonly height: number } | null;
}

/** Smooth noise on a grid of `cellPx`, -1 to 1, bilinear between the grid's points. */
function smoothNoise(widthPx: number, heightPx: number, cellPx: number, random: () => number): Float32Array {
  const cols = Math.ceil(widthPx / cellPx) + 2;
  const grid = Float32Array.from({ length: cols * (Math.ceil(heightPx / cellPx) + 2) }, () => random() * 2 - 1);
  const field = new Float32Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) {
    const row = Math.floor(y / cellPx);
    const down = y / cellPx - row;
    for (let x = 0; x < widthPx; x++) {
      const col = Math.floor(x / cellPx);
      const along = x / cellPx - col;
      const at = row * cols + col;
      const top = (grid[at] ?? 0) * (1 - along) + (grid[at + 1] ?? 0) * along;
      const bottom = (grid[at + cols] ?? 0) * (1 - along) + (grid[at + cols + 1] ?? 0) * along;
      field[y * widthPx + x] = top * (1 - down) + bottom * down;
    }
  }
  return field;
}

/** A grey, softly lit tile on a dark belt with grain and, when asked, a crack: photograph enough for a page. */
export function fakePhoto(seed: number, defective: boolean, widthPx = 640, heightPx = 480): FakePhoto {
  const random = seededRandom(seed);
  const coarse = smoothNoise(widthPx, heightPx, 90, random);
  const fine = smoothNoise(widthPx, heightPx, 7, random);
  const pixels = new Uint8Array(widthPx * heightPx);
  const marginX = widthPx * 0.09 + random() * 10;
  const marginY = heightPx * 0.1 + random() * 8;
  const crackX = widthPx * (0.3 + random() * 0.35);
  const crackY = heightPx * (0.25 + random() * 0.25);
  const crackLengthPx = heightPx * 0.3;
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const at = y * widthPx + x;
      const inside = Math.min(x - marginX, widthPx - marginX - x, y - marginY, heightPx - marginY - y);
      const edge = Math.min(1, Math.max(0, inside / 4 + 0.5));
      const light = 1.08 - 0.35 * Math.hypot(x / widthPx - 0.4, y / heightPx - 0.35);
      let tile = (128 + (coarse[at] ?? 0) * 14 + (fine[at] ?? 0) * 10) * light;
      const along = (y - crackY) / crackLengthPx;
      if (defective && along > 0 && along < 1) {
        const line =
          crackX + 46 * along + (coarse[((y * 3) % heightPx) * widthPx] ?? 0) * 8 + (fine[y * widthPx] ?? 0) * 5;
        tile -= 75 * Math.exp(-(((x - line) / 3.2) ** 2)) * Math.sin(Math.PI * along) ** 0.4;
      }
      const belt = 30 + (fine[at] ?? 0) * 5;
      const grain = (random() + random() + random() - 1.5) * 9;
      pixels[at] = Math.min(255, Math.max(0, belt + (tile - belt) * edge + grain));
    }
  }
  const defect = {
    x: Math.round(crackX - 14),
    y: Math.round(crackY - 6),
    width: 76,
    height: Math.round(crackLengthPx + 12),
  };
  return { image: { pixels, widthPx, heightPx, channels: 1 }, defect: defective ? defect : null };
}

/** Class activation over a grid: hot where the defect is, a little warm noise elsewhere. */
export function fakeHeatmap(photo: FakePhoto, seed: number, rows = 12, cols = 16): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: rows * cols }, (_, cell) => {
    const noise = random() * 0.12;
    if (photo.defect === null) return noise;
    const x = ((cell % cols) + 0.5) * (photo.image.widthPx / cols);
    const y = (Math.floor(cell / cols) + 0.5) * (photo.image.heightPx / rows);
    const dx = (x - photo.defect.x - photo.defect.width / 2) / photo.defect.width;
    const dy = (y - photo.defect.y - photo.defect.height / 2) / photo.defect.height;
    return Math.min(1, noise + Math.exp(-2.2 * (dx * dx + dy * dy)));
  });
}

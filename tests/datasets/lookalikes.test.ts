import { describe, expect, test } from "vitest";
import { lookalikes, surfacePrint } from "../../src/datasets/lookalikes.ts";
import type { Image } from "../../src/imaging/image.ts";
import { seededRandom } from "../../src/platform/random.ts";

const SIDE_PX = 128;

/** A rounded part with the streaks all parts of the kind have, and stains of its own. */
function part(seed: number, changes: { gain?: number; shiftPx?: number; lampPx?: number } = {}): Image {
  const { gain = 1, shiftPx = 0, lampPx = 64 } = changes;
  const random = seededRandom(seed);
  const stains = Array.from({ length: 40 }, () => [random() * SIDE_PX, random() * SIDE_PX, 2 + random() * 4] as const);
  const pixels = new Uint8Array(SIDE_PX * SIDE_PX);
  for (let y = 0; y < SIDE_PX; y++) {
    for (let x = 0; x < SIDE_PX; x++) {
      const shade = 90 + 60 * Math.exp(-(((x - lampPx) / 50) ** 2));
      const streak = 25 * Math.sin(x / 3);
      const stain = stains.some(([atX, atY, radius]) => Math.hypot(x + shiftPx - atX, y - atY) < radius) ? -35 : 0;
      pixels[y * SIDE_PX + x] = Math.max(0, Math.min(255, gain * (shade + streak + stain)));
    }
  }
  return { pixels, widthPx: SIDE_PX, heightPx: SIDE_PX, channels: 1 };
}

const all = () => true;
const pairsOf = (images: readonly Image[], mayPair: (first: number, second: number) => boolean = all) =>
  lookalikes(
    images.map((image) => surfacePrint(image, 1)),
    mayPair,
  ).map(({ first, second }) => [first, second]);

describe("the same surface", () => {
  test("is known again in other light, and cut a little otherwise", () => {
    const images = [
      part(1),
      part(2),
      part(1, { gain: 0.5 }),
      part(2, { lampPx: 20 }),
      part(1, { shiftPx: 3 }),
      part(3),
    ];
    expect(pairsOf(images)).toEqual([
      [0, 2],
      [1, 3],
      [0, 4],
      [2, 4],
    ]);
  });

  test("is not what all parts of a kind share: shading and streaks", () => {
    expect(pairsOf(Array.from({ length: 8 }, (_, seed) => part(seed + 10)))).toEqual([]);
  });

  test("is looked for only where it may be, and only in pictures of one shape", () => {
    expect(pairsOf([part(1), part(1)], () => false)).toEqual([]);
    const [one, other] = [surfacePrint(part(1), 1), surfacePrint(part(1), 2)];
    expect(lookalikes([one, other], all)).toEqual([]);
  });

  test("plain pictures have none", () => {
    const plain: Image = { ...part(1), pixels: new Uint8Array(SIDE_PX * SIDE_PX).fill(80) };
    expect(pairsOf([plain, plain])).toEqual([]);
  });
});

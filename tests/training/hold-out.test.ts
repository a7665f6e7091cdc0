import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { holdOutParts } from "../../src/training/hold-out.ts";

interface Item {
  readonly label: string;
  readonly group: string;
}

const shareOf = (items: readonly Item[], held: readonly number[], label: string): number =>
  held.filter((index) => items[index]?.label === label).length / items.filter((item) => item.label === label).length;

function expectWholeParts(items: readonly Item[], held: readonly number[]): void {
  const heldOut = new Set(held);
  const sides = new Map<string, boolean>();
  items.forEach(({ group }, index) => {
    expect(sides.get(group) ?? heldOut.has(index)).toBe(heldOut.has(index));
    sides.set(group, heldOut.has(index));
  });
}

describe("held-out parts", () => {
  test("are whole, and of every class the wanted share, the same for the same seed", () => {
    const random = seededRandom(2);
    const items = Array.from({ length: 900 }, (_, at): Item => {
      const part = Math.floor(at / 5);
      return { label: random() < 0.7 ? "good" : part % 3 === 0 ? "crack" : "dent", group: `p${part}` };
    });
    const held = holdOutParts(items, 0.2, 1);
    expectWholeParts(items, held);
    for (const label of ["good", "crack", "dent"]) {
      expect(Math.abs(shareOf(items, held, label) - 0.2)).toBeLessThan(0.008);
    }
    expect(holdOutParts(items, 0.2, 1)).toEqual(held);
    expect(holdOutParts(items, 0.2, 2)).not.toEqual(held);
  });

  test("come closest to the share where there are few and huge parts", () => {
    // As on deeppcb: seven board groups, one of which holds 29 % of all.
    const sizes = [290, 180, 150, 130, 110, 90, 50];
    const items = sizes.flatMap((size, part) =>
      Array.from({ length: size }, (_, at): Item => ({ label: at % 4 === 0 ? "open" : "good", group: `g${part}` })),
    );
    for (const share of [0.1, 0.2, 0.35]) {
      const held = holdOutParts(items, share, 3);
      expectWholeParts(items, held);
      expect(Math.abs(held.length / items.length - share)).toBeLessThan(0.015);
    }
  });

  test("leave the only part of a class to training, and put a class of two parts on both sides", () => {
    const items: Item[] = [
      ...Array.from({ length: 60 }, (_, at) => ({ label: "good", group: `g${at}` })),
      { label: "rare", group: "r0" },
      { label: "pair", group: "p0" },
      { label: "pair", group: "p1" },
    ];
    for (const seed of [1, 2, 3, 4]) {
      const groups = holdOutParts(items, 0.2, seed).map((index) => items[index]?.group ?? "");
      expect(groups).not.toContain("r0");
      expect(groups.filter((group) => group.startsWith("p"))).toHaveLength(1);
    }
  });

  test("of a single part cannot be", () => {
    expect(() => holdOutParts([{ label: "good", group: "a" }], 0.2, 1)).toThrow("all images are of one part");
  });
});

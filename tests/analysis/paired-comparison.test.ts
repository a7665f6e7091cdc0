import { expect, test } from "vitest";
import { comparePaired, type PairedFrame } from "../../src/analysis/paired-comparison.ts";
import { mcnemarExact, pairedDifference } from "../../src/statistics/mcnemar.ts";

const frame = (id: number, change: Partial<PairedFrame>): PairedFrame => ({
  ...{ id: `f${id}`, part: `p${id}`, defective: true, before: "reject", after: "reject", tags: [], metadata: {} },
  ...change,
});

test("the exact test is that of a fair coin, worked out by hand", () => {
  expect(mcnemarExact(0, 0)).toBe(1);
  expect(mcnemarExact(5, 5)).toBe(1);
  expect(mcnemarExact(0, 5)).toBeCloseTo(2 / 32, 12);
  // 1 of 10: 2 * (1 + 10) / 1024.
  expect(mcnemarExact(1, 9)).toBeCloseTo(22 / 1024, 12);
  expect(mcnemarExact(9, 1)).toBeCloseTo(22 / 1024, 12);
  // 2 of 8: 2 * (1 + 8 + 28) / 256.
  expect(mcnemarExact(2, 6)).toBeCloseTo(74 / 256, 12);
  expect(mcnemarExact(1000, 1200)).toBeLessThan(0.001);
});

test("the interval of a paired difference is Agresti and Min's, worked out by hand", () => {
  // b = 2, c = 8, n = 50: centre (2.5 - 8.5) / 52, variance (11 - 36 / 52) / 52^2.
  const half = (1.959964 * Math.sqrt(11 - 36 / 52)) / 52;
  const { low, high } = pairedDifference(2, 8, 50);
  expect(low).toBeCloseTo(-6 / 52 - half, 5);
  expect(high).toBeCloseTo(-6 / 52 + half, 5);
  expect(pairedDifference(0, 0, 0)).toEqual({ low: -1, high: 1 });
});

test("parts count, not frames; escapes, overkills and reviews apart; faults reject", () => {
  const compared = comparePaired([
    // One part, two frames, one of which escaped before: fixed once.
    frame(1, { part: "a", before: "pass", after: "reject" }),
    frame(2, { part: "a" }),
    frame(3, { part: "b", after: "pass" }),
    frame(4, { part: "c", defective: false, before: "reject", after: "pass" }),
    frame(5, { part: "d", defective: false, before: "pass", after: "fault" }),
    frame(6, { part: "e", defective: false, before: "pass", after: "review" }),
    frame(7, { part: "f", before: "review", after: "reject" }),
  ]);
  expect(compared.all).toMatchObject({
    parts: 6,
    wrongBefore: 2,
    wrongAfter: 2,
    fixed: 2,
    broken: 2,
    p: 1,
    difference: 0,
  });
  expect(compared.escapes).toMatchObject({ parts: 3, fixed: 1, broken: 1 });
  expect(compared.overkills).toMatchObject({ parts: 3, fixed: 1, broken: 1 });
  expect(compared.reviews).toMatchObject({ wrongBefore: 1, wrongAfter: 1 });
  expect(compared.fixed).toEqual(["f1", "f4"]);
  expect(compared.broken).toEqual(["f3", "f5"]);
  expect(compared.sentence).toContain("this may be chance");
});

test("a better model is called better, and the slice that was broken stands first", () => {
  const frames = Array.from({ length: 40 }, (_, id) => {
    const night = id >= 30;
    const change = night ? { before: "reject", after: "pass" } : { before: "pass", after: "reject" };
    return frame(id, {
      ...change,
      metadata: { shift: night ? "night" : "day" },
      tags: id % 2 === 0 ? ["glare"] : [],
    } as never);
  });
  const { all, groups, sentence } = comparePaired(frames);
  expect(all).toMatchObject({ fixed: 30, broken: 10 });
  expect(sentence).toMatch(/the new model is better, by more than chance/);
  expect(groups.map(({ name }) => name)).toEqual(["shift = day", "shift = night", "glare"]);
  expect(groups[1]).toMatchObject({ kind: "slice", count: { parts: 10, fixed: 0, broken: 10 } });
  // Three groups: the smallest p times 3, the second times 3/2.
  expect(groups[1]?.q).toBeCloseTo((2 / 2 ** 10) * 1.5, 10);
});

test("without parts or differences it says so", () => {
  expect(comparePaired([]).sentence).toBe("There is no part that both models judged.");
  expect(comparePaired([frame(1, {})]).sentence).toMatch(/both models judge the same ones wrong/);
});

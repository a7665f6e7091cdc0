import { expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { checkNoLeak, type Grouped, stratifiedGroupFolds } from "../../src/statistics/group-folds.ts";

/** 120 good and 60 defective parts of 1 to 6 frames, like the tiles. */
function parts(): Grouped[] {
  const random = seededRandom(11);
  const classes = ["crack", "fray", "uneven"];
  return Array.from({ length: 180 }, (_, part) => ({
    group: `p${part}`,
    label: part < 120 ? "free" : (classes[part % 3] ?? ""),
  })).flatMap((item) => Array.from({ length: 1 + Math.floor(random() * 6) }, () => item));
}

test("no part lies in two folds", () => {
  const items = parts();
  const folds = stratifiedGroupFolds(items, 5, 1);
  checkNoLeak(items, folds);
  expect(new Set(folds)).toEqual(new Set([0, 1, 2, 3, 4]));
});

test("every fold keeps each class near its share", () => {
  const items = parts();
  const folds = stratifiedGroupFolds(items, 5, 1);
  for (const label of ["free", "crack", "fray", "uneven"]) {
    const all = items.filter((item) => item.label === label).length;
    for (let fold = 0; fold < 5; fold++) {
      const inFold = items.filter((item, index) => item.label === label && folds[index] === fold).length;
      expect(inFold / all).toBeGreaterThan(0.14);
      expect(inFold / all).toBeLessThan(0.26);
    }
  }
});

test("the seed decides the folds", () => {
  const items = parts();
  expect(stratifiedGroupFolds(items, 5, 7)).toEqual(stratifiedGroupFolds(items, 5, 7));
  expect(stratifiedGroupFolds(items, 5, 7)).not.toEqual(stratifiedGroupFolds(items, 5, 8));
});

test("a leak is found and named", () => {
  const items = [
    { group: "tile7", label: "free" },
    { group: "tile7", label: "free" },
  ];
  expect(() => checkNoLeak(items, [0, 1])).toThrow("part tile7 lies in the folds 0 and 1");
});

test("fewer parts than folds are refused", () => {
  expect(() => stratifiedGroupFolds([{ group: "a", label: "free" }], 5, 1)).toThrow(
    "1 parts cannot be split into 5 folds",
  );
});

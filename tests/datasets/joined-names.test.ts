import { expect, test } from "vitest";
import { joinedNames } from "../../src/datasets/joined-names.ts";

test("names that hang together are called by the first of them, in whatever order the pairs come", () => {
  const pairs = [
    ["d", "c"],
    ["b", "a"],
    ["x", "y"],
    ["c", "b"],
    ["d", "d"],
  ] as const;
  const expected = { a: "a", b: "a", c: "a", d: "a", x: "x", y: "x" };
  expect(Object.fromEntries(joinedNames(pairs))).toEqual(expected);
  expect(Object.fromEntries(joinedNames(pairs.toReversed()))).toEqual(expected);
  expect(joinedNames([])).toEqual(new Map());
});

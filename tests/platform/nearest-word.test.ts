import { expect, test } from "vitest";
import { nearestWord } from "../../src/platform/nearest-word.ts";

const KNOWN = ["port", "host", "pulseMs", "passCoil", "trigger"];

test.each([
  ["prot", "port"],
  ["triger", "trigger"],
  ["Host", "host"],
  ["puls", "pulseMs"],
  ["pa", undefined],
  ["camera", undefined],
])("%s was meant to be %s", (word, meant) => expect(nearestWord(word, KNOWN)).toBe(meant));

test("the beginning of two words means neither", () =>
  expect(nearestWord("pass", ["passCoil", "passLine"])).toBeUndefined());

import { expect, test } from "vitest";
import { featureShifts, type FeatureWindow } from "../../src/analysis/feature-shifts.ts";
import { seededRandom } from "../../src/platform/random.ts";

const random = seededRandom(3);
const window = (parts: number, { shift = 0, rejects = 0.1 } = {}): FeatureWindow => ({
  parts,
  numbers: new Map([
    ["NG score", Array.from({ length: parts }, () => random() + shift)],
    ["latency, ms", Array.from({ length: parts }, () => 5 + random())],
  ]),
  counts: new Map([["verdict reject", Math.round(parts * rejects)]]),
});

test("names what changed on which line, greatest first, and nothing of lines that did not", () => {
  const [quiet, changed] = featureShifts([
    { before: window(1000), now: window(1000) },
    { before: window(1000), now: window(1000, { shift: 0.3, rejects: 0.2 }) },
  ]);
  expect(quiet?.filter((feature) => feature.changed)).toEqual([]);
  expect(changed?.map(({ feature, changed: isChanged }) => [feature, isChanged])).toEqual([
    ["NG score", true],
    ["verdict reject", true],
    ["latency, ms", false],
  ]);
  expect(changed?.[1]).toMatchObject({ kind: "share", before: 0.1, now: 0.2 });
});

test("a change that is sure but tiny is none, and neither is one of a handful of values", () => {
  const [tiny] = featureShifts([{ before: window(200_000), now: window(200_000, { rejects: 0.11 }) }]);
  expect(tiny?.find(({ feature }) => feature === "verdict reject")).toMatchObject({ changed: false });
  const few = { parts: 500, counts: new Map(), numbers: new Map([["reading glare", [1, 2, 3]]]) };
  expect(featureShifts([{ before: few, now: few }])).toEqual([[]]);
});

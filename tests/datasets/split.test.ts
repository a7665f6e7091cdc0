import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DEFAULT_SHARES, SIDES, sideOf, splitReport } from "../../src/datasets/split.ts";
import { splitFolder } from "../../src/datasets/split-folder.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { seededRandom, shuffle } from "../../src/platform/random.ts";
import { pngOf, put } from "./made-set.ts";

let folder = "";
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-split-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const OPTIONS = { project: "tiles", shares: DEFAULT_SHARES, mayMove: false };

test("a part's side is what it was on the day the split was invented", () => {
  const sides = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"].map((part) => sideOf("tiles", part));
  expect(sides).toMatchInlineSnapshot(`
    [
      "test",
      "train",
      "test",
      "train",
      "train",
      "train",
      "train",
      "train",
    ]
  `);
});

test("parts never change sides, whatever is added, removed or relabelled and in whatever order", () => {
  const random = seededRandom(5);
  const first = new Map<string, string>();
  let parts: string[] = [];
  for (let round = 0; round < 40; round++) {
    const added = Array.from({ length: 50 }, () => `part-${Math.floor(random() * 5000)}`);
    parts = shuffle([...parts, ...added], random).slice(0, 600);
    for (const part of parts) {
      const side = sideOf("tiles", part);
      expect(side).toBe(first.get(part) ?? side);
      first.set(part, side);
    }
  }
  expect(first.size).toBeGreaterThan(1000);
});

test("shares come out as asked for, and two projects split differently", () => {
  const parts = Array.from({ length: 20_000 }, (_, index) => `part-${index}`);
  const report = splitReport(
    parts.map((part) => ({ part, label: "good", side: sideOf("tiles", part) })),
    DEFAULT_SHARES,
  );
  for (const side of SIDES) expect(report.reached[side]).toBeCloseTo(DEFAULT_SHARES[side], 1);
  const same = parts.filter((part) => sideOf("tiles", part) === sideOf("boards", part)).length;
  // 0.7² + 0.15² + 0.15² by chance.
  expect(same / parts.length).toBeCloseTo(0.535, 1);
});

test("a larger training share only takes parts from the other sides", () => {
  const parts = Array.from({ length: 2000 }, (_, index) => String(index));
  for (const part of parts) {
    if (sideOf("tiles", part) === "train") {
      expect(sideOf("tiles", part, { train: 0.8, validation: 0.1, test: 0.1 })).toBe("train");
    }
  }
});

test("classes that a side lacks are named", () => {
  const images = [
    { label: "good", part: "a", side: "train" as const },
    { label: "good", part: "b", side: "validation" as const },
    { label: "good", part: "c", side: "test" as const },
    { label: "crack", part: "d", side: "train" as const },
    { label: "crack", part: "d", side: "train" as const },
  ];
  const report = splitReport(images, DEFAULT_SHARES);
  expect(report.frames).toEqual({ train: 3, validation: 1, test: 1 });
  expect(report.parts).toEqual({ train: 2, validation: 1, test: 1 });
  expect(report.warnings).toEqual([
    "class crack has no part on the side validation and test (1 part in all): collect more of it",
  ]);
});

test("a folder's split stays when parts are added, and keeps rows that cannot be used", async () => {
  const row = (index: number): string => `good/${index}.png,good,t${index % 10},"x, y"\n`;
  for (let index = 0; index < 30; index++) await put(folder, `good/${index}.png`, await pngOf(index, 4, 4));
  const head = "file,label,tile,note\n";
  const gone = "good/gone.png,good,t1,kept\n";
  await put(folder, "index.csv", head + Array.from({ length: 20 }, (_, index) => row(index)).join("") + gone);
  const report = await splitFolder(folder, OPTIONS);
  expect(report.partColumn).toBe("tile");
  const sidesOf = async () =>
    new Map((await readDataFolder(folder)).images.map(({ file, metadata }) => [file, metadata["split"]]));
  const before = await sidesOf();
  const text = await readFile(join(folder, "index.csv"), "utf8");
  expect(text).toContain("good/gone.png,good,t1,kept,\n");
  await put(folder, "index.csv", text + Array.from({ length: 10 }, (_, index) => row(20 + index)).join(""));
  await splitFolder(folder, OPTIONS);
  const after = await sidesOf();
  expect(after.size).toBe(30);
  for (const [file, side] of before) expect(after.get(file)).toBe(side);
  for (let index = 0; index < 10; index++)
    expect(after.get(`good/${20 + index}.png`)).toBe(after.get(`good/${index}.png`));
});

test("a split that would move parts is refused, unless it is meant", async () => {
  for (let index = 0; index < 20; index++) await put(folder, `good/${index}.png`, await pngOf(index, 4, 4));
  await splitFolder(folder, OPTIONS);
  const before = await readFile(join(folder, "index.csv"), "utf8");
  await expect(splitFolder(folder, { ...OPTIONS, project: "other" })).rejects.toThrow("parts would change sides");
  expect(await readFile(join(folder, "index.csv"), "utf8")).toBe(before);
  await splitFolder(folder, { ...OPTIONS, project: "other", mayMove: true });
  expect(await readFile(join(folder, "index.csv"), "utf8")).not.toBe(before);
});

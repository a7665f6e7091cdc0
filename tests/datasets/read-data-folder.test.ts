import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { csvLine, parseCsv } from "../../src/platform/csv.ts";
import { makeLearningSet } from "../../src/training/learning-set.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";

let folder = "";
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-data-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(file: string, content = file): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), content);
}

describe("a folder per class", () => {
  test("labels by folder, at any depth, and lists what it cannot use", async () => {
    await put("good/a.png");
    await put("scratch/deep/b.JPG");
    await put("scratch/empty.png", "");
    await put("loose.png");
    await put("masks/a.png");
    await put("good/notes.txt");
    const data = await readDataFolder(folder);
    expect(data.images.map(({ file, label }) => [file, label])).toEqual([
      ["good/a.png", "good"],
      ["scratch/deep/b.JPG", "scratch"],
    ]);
    expect(data.refused).toEqual([
      { file: "loose.png", reason: "no label: it lies in no class folder" },
      { file: "scratch/empty.png", reason: "empty file" },
    ]);
  });

  test("takes labels and metadata from index.csv, and says which files it does not list", async () => {
    await put("good/a.png");
    await put("good/b.png");
    await put("good/unlisted.png");
    await put(
      "index.csv",
      'file,label,tile,note\r\ngood/a.png,crack,t1,"a, ""quoted"" note"\r\ngood/b.png,,t2,\r\ngood/gone.png,good,t3,\r\ngood/a.png,good,t1,\r\n',
    );
    const data = await readDataFolder(folder);
    expect(data.columns).toEqual(["tile", "note"]);
    expect(data.images).toMatchObject([
      { file: "good/a.png", label: "crack", metadata: { tile: "t1", note: 'a, "quoted" note' } },
    ]);
    expect(data.refused.map(({ file, reason }) => `${file}: ${reason}`)).toEqual([
      "good/b.png: no label in index.csv",
      "good/gone.png: listed in index.csv but not there",
      "good/a.png: listed twice in index.csv",
      "good/unlisted.png: no label: not in index.csv",
    ]);
  });

  test("refuses an index without the columns it needs, and a folder that is none", async () => {
    await put("index.csv", "name,class\n");
    await expect(readDataFolder(folder)).rejects.toThrow("index.csv needs the columns file and label");
    await expect(readDataFolder(join(folder, "nowhere"))).rejects.toThrow("is not a folder");
  });
});

test("COCO annotations label by the commonest category, unmarked images as good", async () => {
  for (const name of ["1.png", "2.png", "extra.png"]) await put(`images/${name}`);
  await put(
    "annotations.coco.json",
    JSON.stringify({
      categories: [
        { id: 1, name: "open" },
        { id: 2, name: "short" },
      ],
      images: [
        { id: 1, file_name: "images/1.png", board_group: "g1", template: false },
        { id: 2, file_name: "images/2.png", board_group: "g1", template: true },
        { id: 3, file_name: "images/3.png", board_group: "g2", template: true },
      ],
      annotations: [
        { image_id: 1, category_id: 1 },
        { image_id: 1, category_id: 2 },
        { image_id: 1, category_id: 2 },
      ],
    }),
  );
  const data = await readDataFolder(folder);
  expect(data.images).toMatchObject([
    { file: "images/1.png", label: "short", metadata: { board_group: "g1", template: "false" } },
    { file: "images/2.png", label: "good" },
  ]);
  expect(data.refused.map(({ file }) => file)).toEqual(["images/3.png", "images/extra.png"]);
});

describe("a learning set", () => {
  test("splits by the part column it finds, and joins parts that share a file", async () => {
    await put("free/a.png", "same");
    await put("free/b.png", "same");
    await put("crack/c.png");
    await put("index.csv", "file,label,tile\nfree/a.png,free,t1\nfree/b.png,free,t2\ncrack/c.png,crack,t3\n");
    const set = await makeLearningSet([await readDataFolder(folder)], {});
    expect(set.splitColumns).toEqual(["tile"]);
    expect(set.classes).toEqual([
      { name: "crack", kind: "defect" },
      { name: "free", kind: "good" },
    ]);
    expect(new Set(set.samples.map(({ group }) => group)).size).toBe(2);
  });

  test("without a good class, or split by a column that is not there, is refused", async () => {
    await put("crack/c.png");
    await put("index.csv", "file,label,lamp\ncrack/c.png,crack,1\n");
    const data = await readDataFolder(folder);
    await expect(makeLearningSet([data], {})).rejects.toThrow("none of the labels crack is known as good");
    await expect(makeLearningSet([data], { splitBy: "tile" })).rejects.toThrow("has no column tile; it has lamp");
  });
});

test("a CSV line reads back as it was written", () => {
  const fields = ["plain", 'with "quotes"', "with, comma", "two\nlines", ""];
  const { rows } = parseCsv(`a,b,c,d,e\n${csvLine(fields)}`);
  expect(Object.values(rows[0] ?? {})).toEqual(fields);
});

const tiles = fileURLToPath(new URL("../../../shared/data/magnetic-tile", import.meta.url));
test.skipIf(!existsSync(tiles))("the magnetic tiles are read whole", async () => {
  const data = await readDataFolder(tiles);
  expect(data.images).toHaveLength(935);
  expect(data.refused).toEqual([]);
  const set = await makeLearningSet([data], {});
  expect(set.splitColumns).toEqual(["tile"]);
  expect(new Set(set.samples.map(({ group }) => group)).size).toBe(171);
});

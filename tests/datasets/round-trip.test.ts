import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canonicalList, versionOfItems } from "../../src/datasets/items.ts";
import { DATASET_FORMATS, type DatasetFormat, readDataset } from "../../src/datasets/read-dataset.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { writeDataset, type WrittenDataset } from "../../src/datasets/write-dataset.ts";
import { putSet, ROWS } from "./made-set.ts";

let folder = "";
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-sets-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function convert(from: string, to: string, format: DatasetFormat, link = false): Promise<WrittenDataset> {
  const { folder: read } = await readDataset({ path: join(folder, from) });
  expect(read.refused).toEqual([]);
  const { images, columns } = read;
  const outPath = join(folder, to);
  return writeDataset(images, { outPath, format, columns, link, sourceNames: true, onProgress: () => undefined });
}

describe.each(DATASET_FORMATS)("%s", (format) => {
  test("gives back labels, boxes, parts, metadata and pixels as they were", async () => {
    await putSet(join(folder, "made"));
    const first = await convert("made", "first", "folder");
    const there = await convert("first", "there", format);
    const back = await convert("there", "back", "folder");
    expect(there.refused).toEqual([]);
    expect(back.images).toHaveLength(ROWS.length);
    expect(canonicalList(back.items)).toBe(canonicalList(first.items));
    const byName = (written: WrittenDataset) =>
      written.images.toSorted((one, other) => (one.file < other.file ? -1 : 1));
    expect(byName(back)).toEqual(byName(first));
    const [scratched] = back.images.filter(({ metadata }) => metadata["source_file"] === "scratch/c.png");
    const mask = join(folder, "back", "masks", scratched?.file ?? "");
    expect(await readFile(mask)).toEqual(await readFile(join(folder, "made", "masks", "scratch", "c.png")));
  });

  test("is the same bytes every time", async () => {
    await putSet(join(folder, "made"));
    await convert("made", "one", format);
    await convert("made", "two", format);
    const listing = { folder: "index.csv", csv: "index.csv", coco: "annotations.coco.json" };
    const name =
      format in listing ? listing[format as keyof typeof listing] : `${format === "fiftyone" ? "labels" : format}.json`;
    const [one, two] = await Promise.all(["one", "two"].map((set) => readFile(join(folder, set, name), "utf8")));
    expect(two?.replaceAll("two", "one")).toBe(one);
  });
});

test("what is exported as folder, CSV or COCO is read by --data as it is", async () => {
  await putSet(join(folder, "made"));
  for (const format of ["folder", "csv", "coco", "fiftyone"] as const) {
    await convert("made", format, format);
    const data = await readDataFolder(join(folder, format));
    expect(data.refused).toEqual([]);
    expect(data.images.map(({ label }) => label).sort()).toEqual(ROWS.map(({ label }) => label).sort());
    expect(data.images.every(({ metadata }) => metadata["synthetic"] === "1")).toBe(true);
    expect(data.columns).toContain("part");
  }
});

test("the version depends on content alone: not on names, order or place", async () => {
  await putSet(join(folder, "made"));
  const first = await convert("made", "first", "folder");
  const second = await convert("first", "second", "csv", true);
  expect(versionOfItems(second.items.toReversed())).toBe(versionOfItems(first.items));
  expect(versionOfItems(first.items)).toMatch(/^[0-9a-f]{64}$/);
  const changed = first.items.map((item, index) => (index === 0 ? { ...item, label: "other" } : item));
  expect(versionOfItems(changed)).not.toBe(versionOfItems(first.items));
});

test("links instead of copying where it is told to", async () => {
  await putSet(join(folder, "made"));
  const { images } = await convert("made", "linked", "csv", true);
  const [image] = images;
  expect((await stat(join(folder, "linked", image?.file ?? ""))).nlink).toBe(2);
});

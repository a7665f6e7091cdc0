import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readDataset } from "../../src/datasets/read-dataset.ts";
import { writeDataset } from "../../src/datasets/write-dataset.ts";
import { pngOf, put } from "./made-set.ts";

let folder = "";
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-odd-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const reasons = (refused: readonly { file: string; reason: string }[]): string[] =>
  refused.map(({ file, reason }) => `${file}: ${reason}`);

const write = (images: Parameters<typeof writeDataset>[0], to: string) =>
  writeDataset(images, {
    ...{ outPath: join(folder, to), format: "folder", columns: [], link: false, sourceNames: true },
    onProgress: () => undefined,
  });

describe("a CSV", () => {
  test("says which columns it lacks and which it has", async () => {
    await put(folder, "labels.csv", "name,kind\na.png,good\n");
    await expect(readDataset({ path: join(folder, "labels.csv") })).rejects.toThrow(
      "labels.csv needs the columns file and label; it has name, kind",
    );
    await put(folder, "labels.csv", "");
    await expect(readDataset({ path: join(folder, "labels.csv") })).rejects.toThrow("it is empty");
    await put(folder, "labels.csv", "file,label,shift,shift\n");
    await expect(readDataset({ path: join(folder, "labels.csv") })).rejects.toThrow("has the column shift twice");
  });

  test("is read with a byte order mark, CRLF, backslashes and columns of other names", async () => {
    await put(folder, "set/a.png", await pngOf(1));
    await put(folder, "labels.csv", "\uFEFFfilename,class\r\n.\\set\\a.png,good\r\n");
    const { folder: read, format } = await readDataset({ path: join(folder, "labels.csv") });
    expect(format).toBe("csv");
    expect(read.images).toMatchObject([{ file: "set/a.png", label: "good" }]);
  });

  test("never leads out of its folder, and no file it names is left out in silence", async () => {
    await put(folder, "secret.png", await pngOf(9));
    for (const name of ["a", "b", "unlisted"]) await put(folder, `set/${name}.png`, await pngOf(1));
    const long = `${"x".repeat(10_000)}.png`;
    const listed = [
      "a.png",
      "a.png",
      "../secret.png",
      join(folder, "secret.png"),
      "C:\\b.png",
      "a\0.png",
      long,
      "no.png",
      "",
    ];
    await put(folder, "set/labels.csv", `file,label\n${listed.map((file) => `${file},good\n`).join("")}b.png,\n`);
    const { folder: read } = await readDataset({ path: join(folder, "set", "labels.csv") });
    expect(read.images.map(({ file }) => file)).toEqual(["a.png"]);
    expect(reasons(read.refused)).toEqual([
      "a.png: listed twice in labels.csv",
      "../secret.png: its name leads out of the folder (..)",
      `${folder}/secret.png: its name is absolute; names are relative to the folder`,
      "C:/b.png: its name is absolute; names are relative to the folder",
      "a\0.png: its name holds a NUL character",
      `${long}: its name is longer than a file's can be (10004 characters)`,
      "no.png: listed in labels.csv but not there",
      ": no file name",
      "b.png: no label in labels.csv",
      "unlisted.png: no label: not in labels.csv",
    ]);
  });

  test("with more fields in a row than columns costs the image of that row", async () => {
    for (const [index, name] of ["a", "b"].entries()) await put(folder, `${name}.png`, await pngOf(index));
    await put(folder, "labels.csv", "file,label,part\na.png,good,p1,p2\nb.png,good,p3\n");
    const { folder: read } = await readDataset({ path: join(folder, "labels.csv") });
    expect(read.images.map(({ file }) => file)).toEqual(["b.png"]);
    expect(reasons(read.refused)).toEqual([
      "a.png: its row has more fields than there are columns; put fields with commas in quotes",
    ]);
  });

  test("with broken boxes costs the images of those rows, and a count called boxes is no mark", async () => {
    for (const [index, name] of ["a", "b", "c"].entries()) await put(folder, `${name}.png`, await pngOf(index));
    await put(folder, "labels.csv", 'file,label,boxes\na.png,x,"[[""x"",1,2,3,4]]"\nb.png,x,[1\nc.png,x,\n');
    const { folder: read } = await readDataset({ path: join(folder, "labels.csv") });
    expect(read.images.map(({ boxes }) => boxes)).toEqual([
      [{ label: "x", xPx: 1, yPx: 2, widthPx: 3, heightPx: 4 }],
      null,
    ]);
    expect(read.refused[0]?.reason).toContain("its boxes are not a list of [label, x, y, width, height]");
    await put(folder, "labels.csv", "file,label,boxes\na.png,x,2\nb.png,x,\nc.png,x,0\n");
    const counted = await readDataset({ path: join(folder, "labels.csv") });
    expect(counted.folder.images.map(({ metadata }) => metadata["boxes"])).toEqual(["2", "", "0"]);
  });
});

test("COCO, Label Studio and FiftyOne do not lead out of their folder either", async () => {
  await put(folder, "secret.png", await pngOf(9));
  await put(folder, "set/a.png", await pngOf(1));
  const image = (file_name: string, id: number) => ({ file_name, id });
  await put(
    folder,
    "set/annotations.coco.json",
    JSON.stringify({
      ...{
        categories: [{ id: 1, name: "x" }],
        images: [image("../secret.png", 1), image("/etc/a.png", 2), image("a.png", 3)],
      },
      annotations: [{ image_id: 1, category_id: 1 }],
    }),
  );
  const coco = await readDataset({ path: join(folder, "set") });
  expect(coco.format).toBe("coco");
  expect(coco.folder.images.map(({ file, label }) => [file, label])).toEqual([["a.png", "good"]]);
  expect(coco.folder.refused).toHaveLength(2);

  const task = (address: string) => ({ data: { image: address }, annotations: [{ result: [choice("x")] }] });
  const choice = (label: string) => ({ type: "choices", from_name: "c", to_name: "i", value: { choices: [label] } });
  await put(
    folder,
    "set/tasks.json",
    JSON.stringify([
      task("/data/local-files/?d=../secret.png"),
      task("/data/local-files/?d=%2e%2e/secret.png"),
      task("a%00.png"),
      task("s3://bucket/elsewhere/a.png"),
    ]),
  );
  const tasks = await readDataset({ path: join(folder, "set", "tasks.json") });
  expect(tasks.format).toBe("label-studio");
  expect(tasks.folder.images.map(({ file }) => file)).toEqual(["a.png"]);
  expect(tasks.folder.refused.map(({ reason }) => reason)).toEqual([
    "its name leads out of the folder (..)",
    "its name leads out of the folder (..)",
    "its name holds a NUL character",
  ]);

  await put(folder, "set/labels.json", JSON.stringify({ classes: ["x"], labels: { "../secret": 0, a: 0, gone: "x" } }));
  const fiftyOne = await readDataset({ path: join(folder, "set", "labels.json") });
  expect(fiftyOne.format).toBe("fiftyone");
  expect(fiftyOne.folder.images.map(({ file, label }) => [file, label])).toEqual([["a.png", "x"]]);
  expect(fiftyOne.folder.refused.map(({ reason }) => reason)).toEqual([
    "its name leads out of the folder (..)",
    "listed in labels.json but not there",
  ]);
});

test("what cannot be decoded is listed with its reason, and the rest is written", async () => {
  await put(folder, "set/good/a.png", await pngOf(1));
  await put(folder, "set/good/torn.png", (await pngOf(2)).subarray(0, 60));
  await put(folder, "set/good/text.jpg", "not a picture");
  await put(folder, "set/good/empty.png", "");
  await put(folder, "set/loose.png", await pngOf(3));
  await symlink(join(folder, "nowhere"), join(folder, "set/good/dangling.png"));
  const { folder: read } = await readDataset({ path: join(folder, "set") });
  expect(read.refused.map(({ file }) => file).sort()).toEqual(["good/dangling.png", "good/empty.png", "loose.png"]);
  const written = await write(read.images, "out");
  expect(written.images).toHaveLength(1);
  expect(reasons(written.refused)).toEqual([
    expect.stringMatching(/^good\/text.jpg: unreadable: it is no image/),
    expect.stringMatching(/^good\/torn.png: unreadable: /),
  ]);
});

test("the same bytes are taken once, and not at all where they are labelled differently", async () => {
  await put(folder, "set/good/a.png", await pngOf(1));
  await put(folder, "set/good/b.png", await pngOf(1));
  await put(folder, "set/good/c.png", await pngOf(2));
  await put(folder, "set/crack/d.png", await pngOf(2));
  const { folder: read } = await readDataset({ path: join(folder, "set") });
  const written = await write(read.images, "out");
  expect(written.images.map(({ metadata }) => metadata["source_file"])).toEqual(["good/a.png"]);
  expect(reasons(written.copies)).toEqual(["good/b.png: the same bytes as good/a.png"]);
  expect(reasons(written.refused)).toEqual([
    "crack/d.png: labelled crack, but the same bytes as good/c.png (good)",
    "good/c.png: labelled good, but the same bytes as crack/d.png (crack)",
  ]);
});

test("a label that is no folder's name gets a folder of its own, and nothing outside", async () => {
  for (const [index, file] of ["a.png", "b.png", "c.png"].entries())
    await put(folder, `set/${file}`, await pngOf(index));
  await put(folder, "set/index.csv", "file,label\na.png,../../evil\nb.png,masks\nc.png,CON\n");
  const { folder: read } = await readDataset({ path: join(folder, "set") });
  const written = await write(read.images, "out");
  expect(written.images.map(({ file }) => file.split("/")[0])).toEqual(
    Array(3).fill(expect.stringMatching(/^label-[0-9a-f]{12}$/)),
  );
  expect(written.images.map(({ label }) => label)).toEqual(["../../evil", "masks", "CON"]);
});

test("a folder that holds something is not written into", async () => {
  await put(folder, "out/precious.txt", "mine");
  await expect(write([], "out")).rejects.toThrow("holds something already");
  expect(await readFile(join(folder, "out", "precious.txt"), "utf8")).toBe("mine");
});

describe("Label Studio", () => {
  const choice = (label: string) => ({ type: "choices", value: { choices: [label] } });
  const rectangle = (value: object) => ({
    ...{ type: "rectanglelabels", original_width: 200, original_height: 100 },
    value: { x: 50, y: 20, width: 10, height: 10, rotation: 0, rectanglelabels: ["crack"], ...value },
  });
  const read = async (tasks: object[]) => {
    await put(folder, "set/label-studio.json", JSON.stringify(tasks));
    return (await readDataset({ path: join(folder, "set") })).folder;
  };

  test("takes the last annotation that was not cancelled, and no prediction", async () => {
    for (const [index, name] of ["a", "b", "c", "d"].entries())
      await put(folder, `set/${name}.png`, await pngOf(index));
    const folderRead = await read([
      {
        data: { image: "/data/upload/7/0a1b2c3d-a.png", part: 12 },
        annotations: [
          { result: [choice("good")] },
          { result: [choice("crack")] },
          { result: [choice("x")], was_cancelled: true },
        ],
        predictions: [{ result: [choice("wrong")] }],
      },
      { data: { image: "b.png" }, annotations: [], predictions: [{ result: [choice("wrong")] }] },
      { data: { image: "c.png" }, annotations: [{ result: [choice("x"), choice("y")] }] },
      { data: { image: "d.png" }, annotations: [{ result: [] }] },
    ]);
    expect(folderRead.images).toMatchObject([{ file: "a.png", label: "crack", metadata: { part: "12" }, boxes: null }]);
    expect(reasons(folderRead.refused)).toEqual([
      "b.png: no label: nobody annotated it in label-studio.json",
      "c.png: several labels at once (x, y)",
      "d.png: no label: its annotation holds neither a choice nor a rectangle",
    ]);
  });

  test("gives px for percent, and the upright box around a turned one", async () => {
    for (const [index, name] of ["a", "b", "c"].entries()) await put(folder, `set/${name}.png`, await pngOf(index));
    const folderRead = await read([
      { data: { image: "a.png" }, annotations: [{ result: [rectangle({})] }] },
      { data: { image: "b.png" }, annotations: [{ result: [rectangle({ rotation: 90 })] }] },
      { data: { image: "c.png" }, annotations: [{ result: [] }] },
    ]);
    const rounded = folderRead.images.map(({ label, boxes }) => [
      label,
      ...(boxes ?? []).map(({ xPx, yPx, widthPx, heightPx }) => [xPx, yPx, widthPx, heightPx].map(Math.round)),
    ]);
    expect(rounded).toEqual([["crack", [100, 20, 20, 10]], ["crack", [90, 20, 10, 20]], ["good"]]);
  });
});

test("JSON of another kind is refused in a sentence", async () => {
  await put(folder, "x.json", '{"a": 1}');
  await expect(readDataset({ path: join(folder, "x.json") })).rejects.toThrow("is JSON of a kind not known here");
  await put(folder, "x.json", "{");
  await expect(readDataset({ path: join(folder, "x.json") })).rejects.toThrow(/x\.json: .*JSON/);
  await put(folder, "x.json", '[{"a": 1}]');
  await expect(readDataset({ path: join(folder, "x.json") })).rejects.toThrow("is no export of Label Studio");
  await expect(readDataset({ path: join(folder, "none") })).rejects.toThrow("is not there");
});

test("an interrupted write leaves nothing behind", async () => {
  for (let index = 0; index < 20; index++) await put(folder, `set/good/${index}.png`, await pngOf(index));
  const { folder: read } = await readDataset({ path: join(folder, "set") });
  const controller = new AbortController();
  const writing = writeDataset(read.images, {
    ...{ outPath: join(folder, "out"), format: "folder", columns: [], link: false, sourceNames: true },
    onProgress: (done) => done === 10 && controller.abort(new Error("enough")),
    signal: controller.signal,
  });
  await expect(writing).rejects.toThrow("enough");
  await expect(readdir(join(folder, "out"))).rejects.toThrow("ENOENT");
});

test("a field of megabytes in a CSV is read, or the CSV is called broken: it does not end the process", async () => {
  await put(folder, "a.png", await pngOf(1));
  await put(folder, "labels.csv", `file,label,note\na.png,good,"${"x".repeat(8_000_000)}"\n`);
  const read = await readDataset({ path: join(folder, "labels.csv") });
  expect(read.folder.images[0]?.metadata["note"]?.length).toBe(8_000_000);
});

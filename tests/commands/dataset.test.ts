import { existsSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataset } from "../../src/commands/dataset.ts";
import { readDataFolder } from "../../src/datasets/read-data-folder.ts";
import { decodeImage } from "../../src/imaging/decode-image.ts";
import { encodeJpeg, encodePng } from "../../src/imaging/encode-jpeg.ts";
import { heldOutFrames } from "../../src/training/held-out.ts";
import { makeLearningSet } from "../../src/training/learning-set.ts";
import { picture, pngOf, put, putSet, ROWS } from "../datasets/made-set.ts";
import { captured } from "./captured-output.ts";

let folder = "";
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "sightline-command-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const run = (...args: string[]) => captured(() => dataset.run(args));
async function document(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(...args, "--json");
  return JSON.parse(stdout) as Record<string, unknown>;
}

test("help on every task, and the likely one where a task is mistyped", async () => {
  for (const task of ["import", "export", "split", "stats", "diff", "augment", "synthesize"]) {
    expect(await run(task, "--help")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^usage: sightline dataset/),
    });
  }
  expect((await run()).code).toBe(2);
  await expect(run("imprt")).rejects.toThrow('there is no task "imprt"; did you mean import?');
  await expect(run("import", "--out", at("x"))).rejects.toThrow("--from is needed");
  await expect(run("export", "--out", at("x"))).rejects.toThrow("either --data or --hub");
});

test("a set goes from Label Studio through our folder to COCO, and is the same in the end", async () => {
  await putSet(at("made"));
  const first = await document("import", "--from", at("made"), "--out", at("first"));
  expect(first).toMatchObject({ images: ROWS.length, refused: [], copies: [] });
  await document("export", "--data", at("first"), "--format", "label-studio", "--out", at("tasks"));
  const second = await document("import", "--from", at("tasks"), "--out", at("second"));
  await document("export", "--data", at("second"), "--format", "coco", "--out", at("coco"));
  const third = await document("import", "--from", at("coco"), "--out", at("third"));
  expect(second["version"]).toBe(first["version"]);
  expect(third["version"]).toBe(first["version"]);
  expect((await run("diff", "--before", at("coco"), "--after", at("first"))).stdout).toContain(
    `unchanged       ${ROWS.length}`,
  );
});

test("files left out are named on stderr and in JSON, endless names cut short", async () => {
  await put(folder, "set/a.png", await pngOf(1));
  await put(folder, "set/b.png", "torn");
  await put(folder, "set/labels.csv", `file,label\na.png,good\nb.png,good\n../\u001b[31m${"x".repeat(10_000)},good\n`);
  const { code, stderr, stdout } = await run("import", "--from", at("set/labels.csv"), "--out", at("out"), "--json");
  expect(code).toBe(0);
  expect(stderr).toContain("2 files left out");
  expect(stderr).toContain("b.png: unreadable: it is no image");
  expect(stderr).not.toContain("\u001b[31m");
  expect(stdout.length).toBeLessThan(2000);
  expect(JSON.parse(stdout)).toMatchObject({ images: 1, refused: [{}, {}] });
});

describe("stats", () => {
  test("counts parts and frames, and finds what makes figures too good", async () => {
    const bright = picture(7, 64, 64);
    const nearly = { ...bright, pixels: bright.pixels.map((value) => value + 1) };
    await put(folder, "set/good/a.png", await encodePng(bright));
    await put(folder, "set/good/b.png", await encodePng(nearly));
    for (let seed = 1; seed < 6; seed++) await put(folder, `set/crack/${seed}.png`, await pngOf(seed, 64, 64));
    const cracks = [1, 2, 3, 4, 5].map(
      (seed) => `crack/${seed}.png,crack,c${Math.min(4, seed)},${seed === 5 ? "test" : "train"},\n`,
    );
    const index = `file,label,part,split,synthetic\ngood/a.png,good,p1,train,\ngood/b.png,good,p2,test,1\n${cracks.join("")}`;
    await put(folder, "set/index.csv", index);
    const { code, stdout } = await run("stats", "--data", at("set"), "--report", at("page.html"), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ frames: 7, parts: 6, sizes: [{ widthPx: 64, heightPx: 64, frames: 7 }], mixedParts: [] },
      classes: [
        { label: "crack", frames: 5, parts: 4, synthetic: 0 },
        { label: "good", frames: 2, parts: 2, synthetic: 1 },
      ],
      nearDuplicates: [{ first: "good/a.png", second: "good/b.png", parts: ["p1", "p2"] }],
      leaks: [
        { kind: "part", what: "c4", sides: ["test", "train"] },
        { kind: "near-duplicate", what: "good/a.png and good/b.png" },
      ],
    });
    const page = await readFile(at("page.html"), "utf8");
    expect(page).toContain("2 on two sides of the split");
    expect(page).toContain("<svg");
    expect(page).not.toMatch(/<script|https?:\/\//);
  });

  test("reads any format, and shows names as text", async () => {
    await put(folder, "set/a.png", await pngOf(1));
    await put(folder, "set/labels.csv", "file,label,part\na.png,<script>alert(1)</script>,<b>\n");
    const { code } = await run("stats", "--data", at("set/labels.csv"), "--report", at("page.html"));
    expect(code).toBe(0);
    expect(await readFile(at("page.html"), "utf8")).not.toMatch(/<script|<b>&lt;/);
  });
});

describe("synthesize", () => {
  test("marks every simulated tile, so that none certifies", async () => {
    await document("synthesize", "--out", at("tiles"), "--parts", "6", "--seed", "3");
    const data = await readDataFolder(at("tiles"));
    expect(data.images).toHaveLength(6);
    expect(data.images.every(({ metadata }) => metadata["synthetic"] === "1")).toBe(true);
    await document("export", "--data", at("tiles"), "--format", "coco", "--out", at("coco"));
    const set = await makeLearningSet([await readDataFolder(at("coco"))], { oneKindWillDo: true });
    expect(heldOutFrames(set.samples, new Set())).toMatchObject({ samples: [], synthetic: { length: 6 } });
    await expect(run("synthesize", "--out", at("tiles"), "--parts", "6")).rejects.toThrow("holds something already");
  });

  test("sets defects of the training side onto its good parts, the same every time", async () => {
    await document("synthesize", "--out", at("tiles"), "--parts", "40", "--seed", "3");
    const index = await readFile(at("tiles/index.csv"), "utf8");
    // Photographs, for this test.
    await put(folder, "tiles/index.csv", index.replaceAll(/,1\n/g, ",0\n"));
    const wish = ["synthesize", "--from", at("tiles"), "--parts", "10", "--size", "64"];
    await expect(run(...wish, "--out", at("early"))).rejects.toThrow("run sightline dataset split first");
    await document("split", "--data", at("tiles"), "--project", "tiles");
    const tiles = await readDataFolder(at("tiles"));
    const training = new Set(
      tiles.images.filter(({ metadata }) => metadata["split"] === "train").map(({ metadata }) => metadata["part"]),
    );
    expect(training.size).toBeLessThan(40);
    await document(...wish, "--out", at("one"));
    await document(...wish, "--out", at("two"));
    const made = await readDataFolder(at("one"));
    expect(made.refused).toEqual([]);
    expect(made.images).toHaveLength(10);
    for (const { metadata, label, maskPath, path } of made.images) {
      expect(metadata).toMatchObject({ synthetic: "1", split: "train" });
      expect(training).toContain(metadata["part"]);
      expect(training).toContain(metadata["donor_part"]);
      expect(label).not.toBe("free");
      expect(maskPath !== null && existsSync(maskPath)).toBe(true);
      expect((await decodeImage(await readFile(path))).ok).toBe(true);
    }
    expect(await readFile(at("two/index.csv"), "utf8")).toBe(await readFile(at("one/index.csv"), "utf8"));
  });
});

test("augment draws a sheet with rows of every class", async () => {
  await document("synthesize", "--out", at("tiles"), "--parts", "8", "--seed", "3");
  const args = [
    "augment",
    "--data",
    at("tiles"),
    "--sheet",
    at("sheets/one.png"),
    "--size",
    "64",
    "--rows",
    "1",
    "--versions",
    "2",
  ];
  const classes = new Set((await readDataFolder(at("tiles"))).images.map(({ label }) => label)).size;
  expect(await document(...args)).toMatchObject({ rows: classes, versions: 2 });
  const decoded = await decodeImage(await readFile(at("sheets/one.png")));
  expect(decoded.ok && decoded.image.widthPx).toBe(3 * 70);
});

test("ten thousand files are imported with little memory, each exactly once", async () => {
  await mkdir(at("set/good"), { recursive: true });
  const jpeg = await encodeJpeg(picture(1, 8, 8));
  for (let number = 0; number < 10_000; number++) {
    writeFileSync(at(`set/good/${number}.jpg`), withComment(jpeg, String(number)));
  }
  const before = process.memoryUsage().rss;
  const { stdout } = await run("import", "--from", at("set"), "--out", at("out"), "--link", "--json");
  const grownMb = (process.memoryUsage().rss - before) / 1e6;
  expect(JSON.parse(stdout)).toMatchObject({ images: 10_000, refused: [], copies: [] });
  expect(await readdir(at("out/good"))).toHaveLength(10_000);
  expect(grownMb).toBeLessThan(250);
}, 60_000);

/** The same picture in other bytes: a JPEG's comment after its start. */
function withComment(jpeg: Uint8Array, comment: string): Buffer {
  const text = Buffer.from(comment);
  const head = Buffer.from([0xff, 0xfe, 0, text.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), head, text, jpeg.subarray(2)]);
}

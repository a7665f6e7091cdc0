import { chmod, mkdir, mkdtemp, open as openFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { directorySource, DirectorySourceOptions } from "../../../src/pipeline/capture/directory-source.ts";
import type { Exposure } from "../../../src/pipeline/capture/frame-source.ts";
import { linkTo, sizeOf, take, until } from "./capturing.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "images-"))));
afterEach(() => rm(folder, { recursive: true }));

const open = (options: object = {}) =>
  directorySource(DirectorySourceOptions.parse({ type: "directory", path: folder, ...options }), systemClock);

/** Noise, so that a half of the file is far from whole. */
function picture(width: number, height: number) {
  const noise = { type: "gaussian", mean: 128, sigma: 30 } as const;
  return sharp({ create: { width, height, channels: 3, background: "grey", noise } });
}

const flatPng = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: "red" } })
    .png()
    .toBuffer();

async function put(name: string, bytes?: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes ?? (await picture(64, 48).jpeg().toBuffer()));
  return path;
}

const files = (exposures: readonly Exposure[]): unknown[] => exposures.map(({ metadata }) => metadata["file"]);

test("images at any depth come once each, in the order people number them", async () => {
  const names = ["tile-10.jpg", "tile-2.jpg", "b/tile-1.JPG", "b/deep/er/x.jpeg", "a.webp", "c.tif", "d.png"];
  for (const name of names.slice(0, 4)) await put(name);
  await put("a.webp", await picture(30, 20).webp().toBuffer());
  await put("c.tif", await picture(31, 20).tiff().toBuffer());
  await put("d.png", await picture(32, 20).png().toBuffer());
  for (const name of ["index.csv", ".hidden.jpg", ".git/x.jpg", "half.jpg.part", "notes.txt"]) await put(name);
  const taken = await take(open(), 100);
  const inOrder = ["a.webp", "b/deep/er/x.jpeg", "b/tile-1.JPG", "c.tif", "d.png", "tile-2.jpg", "tile-10.jpg"];
  expect(files(taken)).toEqual(inOrder);
  expect(taken.map(sizeOf)).toEqual(["30x20x3", "64x48x3", "64x48x3", "31x20x3", "32x20x3", "64x48x3", "64x48x3"]);
});

test("what cannot be inspected is a damaged frame with a sentence, in its place", async () => {
  const whole = await picture(640, 480).jpeg().toBuffer();
  await put("1-good.jpg", whole);
  await put("2-truncated.jpg", whole.subarray(0, whole.length / 2));
  await put("3-empty.jpg", "");
  await put("4-text.jpg", "this is not an image at all");
  await put("5-huge.png", await flatPng(20_000, 100));
  await put("6-many.png", await flatPng(2000, 1000));
  await symlink(join(folder, "nowhere"), join(folder, "7-dangling.jpg"));
  await put("8-good.jpg", whole);
  const taken = await take(open({ maxPixels: 1_000_000 }), 100);
  const shown = taken.map((one) => (one.kind === "frame" ? "frame" : `${one.reason}: ${one.detail}`));
  expect(shown).toEqual([
    "frame",
    expect.stringMatching(/^torn: 2-truncated\.jpg: /),
    expect.stringMatching(/^unreadable: 3-empty\.jpg: .*empty/),
    expect.stringMatching(/^unreadable: 4-text\.jpg: /),
    expect.stringMatching(/^wrong-size: 5-huge\.png: it is 20,000 px wide/),
    expect.stringMatching(/^wrong-size: 6-many\.png: .*2000x1000 px/),
    expect.stringMatching(/^unreadable: 7-dangling\.jpg: its file cannot be read: ENOENT/),
    "frame",
  ]);
});

test("a part id comes from the file's name where the pattern finds one", async () => {
  for (const name of ["P-001_top.jpg", "P-002_top.jpg", "other.jpg"]) await put(name);
  const taken = await take(open({ partPattern: "(P-\\d+)_" }), 100);
  expect(taken.map(({ metadata }) => metadata["part"])).toEqual([undefined, "P-001", "P-002"]);
  expect(DirectorySourceOptions.safeParse({ type: "directory", path: "x", partPattern: "(" }).success).toBe(false);
});

test("a loop begins again and sees what was added", async () => {
  await put("1.jpg");
  const seen: unknown[] = [];
  const stop = new AbortController();
  for await (const exposure of open({ mode: "loop" }).exposures(stop.signal)) {
    if (seen.length === 0) await put("2.jpg");
    seen.push(exposure.metadata["file"]);
    if (seen.length === 5) break;
  }
  expect(seen).toEqual(["1.jpg", "1.jpg", "2.jpg", "1.jpg", "2.jpg"]);
});

test("one image may stand for a folder", async () => {
  await put("other.jpg");
  expect(files(await take(open({ path: await put("only.jpg") }), 10))).toEqual(["only.jpg"]);
});

test("a rate is kept", async () => {
  for (let index = 0; index < 6; index++) await put(`${index}.jpg`);
  const ticks = (await take(open({ framesPerSecond: 50 }), 10)).map(({ capturedTick }) => capturedTick);
  // Five intervals of 20 ms; the first frame comes late by its decoding.
  expect((ticks.at(-1) ?? 0) - (ticks[0] ?? 0)).toBeGreaterThanOrEqual(80);
});

test("a folder that is missing or empty gets its sentence", async () => {
  await expect(take(open({ path: "/no/such/folder" }), 1)).rejects.toMatchObject({
    code: "CAMERA_UNAVAILABLE",
    detail: "/no/such/folder is not there or not readable; create the folder or correct the path",
  });
  await expect(take(open(), 1)).rejects.toThrow(/holds no images; put some in or correct the path/);
});

async function watching(options: object = {}) {
  const link = linkTo(open({ mode: "watch", settleMs: 100, ...options }), { openTimeoutMs: 50, stallTimeoutMs: 50 });
  await link.start();
  const seen: string[] = [];
  const stop = new AbortController();
  const done = (async () => {
    for await (const frame of link.frames(stop.signal)) seen.push(`${frame.metadata["file"]} ${frame.kind}`);
  })();
  const end = async (): Promise<void> => {
    stop.abort();
    await done;
    await link.stop();
  };
  await systemClock.sleep(150);
  return { seen, end, link };
}

test("a watched folder delivers new files only, and each when it is complete", async () => {
  await put("old.jpg");
  const { seen, end, link } = await watching();
  const bytes = await picture(640, 480).jpeg().toBuffer();
  const slow = await openFile(join(folder, "slow.jpg"), "w");
  for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 6)) {
    await slow.write(bytes.subarray(at, at + Math.ceil(bytes.length / 6)));
    if (at > bytes.length / 3 && !seen.includes("sub/quick.jpg frame")) {
      await put("sub/quick.jpg");
      await until(() => seen.length === 1, "the quick file is in");
      // By now nothing has been written to the slow one for longer than a file needs to settle.
      await systemClock.sleep(250);
    }
  }
  expect(seen).toEqual(["sub/quick.jpg frame"]);
  await slow.close();
  await until(() => seen.length === 2, "the slow file is in");
  await put("moved.jpg.part");
  await rename(join(folder, "moved.jpg.part"), join(folder, "moved.jpg"));
  await until(() => seen.length === 3, "the moved file is in");
  await end();
  expect(seen).toEqual(["sub/quick.jpg frame", "slow.jpg frame", "moved.jpg frame"]);
  expect(link.status()).toMatchObject({ restarts: 0, stalls: 0 });
});

test("a file that stays incomplete becomes a fault once patience ends", async () => {
  const { seen, end } = await watching({ patienceMs: 400 });
  await put("broken.jpg", (await picture(640, 480).jpeg().toBuffer()).subarray(0, 5000));
  await until(() => seen.length === 1, "the fault is reported");
  await end();
  expect(seen).toEqual(["broken.jpg damaged"]);
});

test.skipIf(process.getuid?.() === 0)("a folder without permission gets its sentence", async () => {
  await chmod(folder, 0);
  await expect(take(open(), 1)).rejects.toThrow(/cannot be read; check that it is there and its permissions/);
  await chmod(folder, 0o700);
});

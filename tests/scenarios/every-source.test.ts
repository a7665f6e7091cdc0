import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sightline } from "./support/command.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { jpegOf, put } from "./support/pictures.ts";
import { Station, temporaryDirectory, TINY_BUNDLE, type Boot } from "./support/station.ts";

const isThere = (program: string): boolean => spawnSync("which", [program]).status === 0;

const judgedCount = async (boot: Boot): Promise<number> => {
  const { pass, reject, review } = (await boot.status()).counts;
  return pass + reject + review;
};

/** Sanity is not what these are about: test pictures are flat or stand still. */
const LENIENT = [{ name: "tiny", model: TINY_BUNDLE, sanity: { frozen: false } }];

async function expectJudged(camera: object, atLeast: number): Promise<void> {
  const station = new Station({ camera, recipes: LENIENT });
  const boot = await station.boot();
  await expect
    .poll(async () => (await judgedCount(boot)) >= atLeast || (await boot.status()), { timeout: 30_000 })
    .toBe(true);
  expect(await boot.stop()).toMatchObject({ code: 0 });
  expectSquare(readLedger(station.dataDirectory));
}

it("inspects a folder once, says that it has ended, and stays up", async () => {
  const folder = temporaryDirectory();
  for (let at = 1; at <= 12; at++)
    put(join(folder, `batch/part-${at}.jpg`), await jpegOf({ widthPx: 96, heightPx: 96, grey: 100 + 4 * at }));
  put(join(folder, "batch/part-13.jpg"), "");
  const camera = { type: "directory", path: folder, partPattern: "part-(\\d+)" };
  const station = new Station({ camera });
  const boot = await station.boot();
  await expect
    .poll(async () => (await boot.status()).problems, { timeout: 20_000 })
    .toMatchObject([{ code: "camera-ended" }]);
  expect((await boot.status()).counts.fault).toBe(1);
  expect(await judgedCount(boot)).toBe(12);
  const upload = await boot.post(
    "/api/v1/inspect?part=by-hand",
    new Uint8Array(await jpegOf({ widthPx: 96, heightPx: 96, grey: 128 })),
  );
  expect(await upload.json()).toMatchObject({ part: "by-hand", verdict: "pass" });
  expect(await boot.stop()).toMatchObject({ code: 0 });
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  const parts = Array.from({ length: 13 }, (_, at) => String(at + 1));
  expect(ledger.triggers.map(({ part }) => part)).toEqual([...parts, "by-hand"]);
});

it("inspects every frame of a video file, once", async ({ skip }) => {
  if (!isThere("ffmpeg")) skip("ffmpeg is not installed");
  const video = join(temporaryDirectory(), "line.mp4");
  const made = spawnSync("ffmpeg", [
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "testsrc2=size=160x120:rate=25:duration=2",
    "-pix_fmt",
    "yuv420p",
    video,
  ]);
  expect(made.status).toBe(0);
  const station = new Station({ camera: { type: "video", path: video }, recipes: LENIENT });
  const boot = await station.boot();
  await expect
    .poll(async () => (await boot.status()).problems, { timeout: 30_000 })
    .toMatchObject([{ code: "camera-ended" }]);
  expect(await judgedCount(boot)).toBe(50);
  expect(await boot.stop()).toMatchObject({ code: 0 });
  expectSquare(readLedger(station.dataDirectory));
});

it("inspects what a GStreamer pipeline delivers", async ({ skip }) => {
  if (!isThere("gst-launch-1.0")) skip("GStreamer is not installed");
  const pipeline = "videotestsrc is-live=true pattern=snow ! video/x-raw,width=160,height=120,framerate=10/1";
  await expectJudged({ type: "gstreamer", pipeline, widthPx: 160, heightPx: 120 }, 5);
});

it("inspects what a webcam program photographs", async ({ skip }) => {
  if (!isThere("fswebcam")) skip("fswebcam is not installed");
  await expectJudged({ type: "webcam", device: "TEST", widthPx: 320, heightPx: 240, skipFrames: 0 }, 1);
});

it("inspects a video file from the command line", async ({ skip }) => {
  if (!isThere("ffmpeg")) skip("ffmpeg is not installed");
  const video = join(temporaryDirectory(), "line.mkv");
  spawnSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=1", video]);
  const all = await sightline("inspect", "--model", TINY_BUNDLE, "--source", video, "--provider", "cpu", "--json");
  expect(all.code).toBe(0);
  const frames = all.stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { frame: number }).frame);
  expect(frames).toEqual(Array.from({ length: 25 }, (_, at) => at));
  const some = await sightline(
    "inspect",
    "--model",
    TINY_BUNDLE,
    "--source",
    video,
    "--provider",
    "cpu",
    "--limit",
    "3",
  );
  expect(some.code).toBe(0);
  expect(some.stdout.trim().split("\n")).toHaveLength(3);
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { videoSource, VideoSourceOptions } from "../../../src/pipeline/capture/video-source.ts";
import { asFrame, childPids, childrenRunning, linkTo, run, sizeOf, take, until, withoutPrograms } from "./capturing.ts";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "video-"))));
afterAll(() => rm(folder, { recursive: true }));

const open = (path: string, options: object = {}) =>
  videoSource(VideoSourceOptions.parse({ type: "video", path, ...options }), systemClock);

/** A lossless video, so that pixels can be compared. */
async function makeVideo(name: string, size: string, frames: number, look = "testsrc"): Promise<string> {
  const path = join(folder, name);
  const input = ["-f", "lavfi", "-i", `${look}=size=${size}:rate=25`, "-frames:v", String(frames)];
  await run("ffmpeg", ["-loglevel", "error", "-y", ...input, "-c:v", "ffv1", "-pix_fmt", "bgr0", path]);
  return path;
}

const SIZES: [string, number][] = [
  ["322x242", 3],
  ["321x241", 3],
  ["64x48", 7],
];
test.each(SIZES)("a %s video gives its %i frames, pixel for pixel", async (size, frames) => {
  const path = await makeVideo(`exact-${size}.mkv`, size, frames);
  const taken = await take(open(path), 1000);
  expect(taken.map(sizeOf)).toEqual(Array.from({ length: frames }, () => `${size}x3`));
  expect(taken.map(({ metadata }) => metadata["frame"])).toEqual(Array.from({ length: frames }, (_, index) => index));
  const args = ["-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
  const raw = await run("ffmpeg", args, { encoding: "buffer", maxBuffer: 1e8 });
  expect(Buffer.concat(taken.map((exposure) => asFrame(exposure).image.pixels)).equals(raw.stdout)).toBe(true);
});

test("grey frames have one channel", async () => {
  const path = await makeVideo("grey.mkv", "321x241", 2);
  const taken = await take(open(path, { colour: "grey" }), 1000);
  expect(taken.map(sizeOf)).toEqual(["321x241x1", "321x241x1"]);
});

test("a looped video starts again", async () => {
  const path = await makeVideo("loop.mkv", "64x48", 2);
  const taken = await take(open(path, { loop: true }), 5);
  expect(taken.map(({ metadata }) => metadata["frame"])).toEqual([0, 1, 0, 1, 0]);
});

test("a slow line loses no frame of a video file", async () => {
  const link = linkTo(open(await makeVideo("slow.mkv", "640x480", 60)));
  await link.start();
  const seqs: number[] = [];
  for await (const frame of link.frames(new AbortController().signal)) {
    seqs.push(frame.seq);
    await systemClock.sleep(5);
  }
  await link.stop();
  expect(seqs).toEqual(Array.from({ length: 60 }, (_, index) => index));
  expect(link.status()).toMatchObject({ state: "closed", missed: 0, restarts: 0, lastError: null });
});

test("no ffmpeg is left behind when the consumer breaks off or aborts", async () => {
  const path = await makeVideo("long.mkv", "640x480", 100);
  await take(open(path), 2);
  expect(await childPids()).toEqual([]);
  const stop = new AbortController();
  const frames = open(path).exposures(stop.signal)[Symbol.asyncIterator]();
  await frames.next();
  const [pid] = await childrenRunning("ffmpeg");
  expect(pid).toBeGreaterThan(0);
  stop.abort(new Error("enough"));
  await expect(frames.next()).rejects.toThrow("enough");
  await until(async () => (await childPids()).length === 0, "ffmpeg is gone");
});

test("a missing file, a file that is no video and a missing ffmpeg each get their sentence", async () => {
  await expect(take(open(join(folder, "absent.mp4")), 1)).rejects.toThrow(/absent\.mp4 cannot be read; check the path/);
  const text = join(folder, "text.mp4");
  await writeFile(text, "not a video");
  await expect(take(open(text), 1)).rejects.toThrow(/^the camera cannot be opened: .*text\.mp4 delivers no video/);
  await withoutPrograms(async () => {
    const path = await Promise.resolve(text);
    await expect(take(open(path), 1)).rejects.toMatchObject({
      code: "PROGRAM_MISSING",
      detail: "ffmpeg was not found on PATH; install it with: sudo apt-get install ffmpeg",
    });
  });
  expect(await childPids()).toEqual([]);
});

test("a file name cannot become an ffmpeg option or protocol", async () => {
  const path = await makeVideo("plain.mkv", "64x48", 1);
  const odd = join(folder, "-odd:name|x.mkv");
  await run("cp", [path, odd]);
  expect(await take(open(odd), 10)).toHaveLength(1);
});

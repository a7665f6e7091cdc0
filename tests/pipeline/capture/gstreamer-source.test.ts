import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import {
  gstreamerSource,
  GstreamerSourceOptions,
  pipelineWords,
} from "../../../src/pipeline/capture/gstreamer-source.ts";
import { asFrame, childPids, run, sizeOf, take, until, withoutPrograms } from "./capturing.ts";

function open(pipeline: string, widthPx: number, heightPx: number, options: object = {}) {
  const all = { type: "gstreamer", pipeline, widthPx, heightPx, ...options };
  return gstreamerSource(GstreamerSourceOptions.parse(all), systemClock);
}

test.each([
  [322, 242, "rgb", 3],
  [321, 241, "grey", 1],
  [640, 480, "rgb", 3],
] as const)("a %i x %i %s test pattern arrives without row padding", async (widthPx, heightPx, colour, channels) => {
  const caps = `video/x-raw,width=${widthPx},height=${heightPx},format=RGB`;
  const pipeline = `videotestsrc pattern=solid-color foreground-color=0xff204060 ! ${caps}`;
  const taken = await take(open(pipeline, widthPx, heightPx, { colour }), 3);
  expect(taken.map(sizeOf)).toEqual(Array(3).fill(`${widthPx}x${heightPx}x${channels}`));
  const { pixels } = asFrame(taken[2]).image;
  expect(pixels).toHaveLength(widthPx * heightPx * channels);
  // One colour all over: any padding byte or shifted row would break the repetition.
  const first = pixels.subarray(0, channels);
  expect(pixels.every((value, index) => value === first[index % channels])).toBe(true);
  if (channels === 3) expect([...first]).toEqual([0x20, 0x40, 0x60]);
  expect(await childPids()).toEqual([]);
});

test("a pipeline that reads a file comes to its end", async () => {
  const taken = await take(open("videotestsrc num-buffers=4 ! video/x-raw,width=320", 320, 240, { live: false }), 100);
  expect(taken).toHaveLength(4);
});

test("words within quotes stay together, for names with spaces", () => {
  expect(pipelineWords(`filesrc location="/a b/c.mp4" ! 'video/x-raw, width=3'  ! queue`)).toEqual([
    "filesrc",
    "location=/a b/c.mp4",
    "!",
    "video/x-raw, width=3",
    "!",
    "queue",
  ]);
});

test.each([
  ["nvarguscamerasrc ! nvvidconv", "PROGRAM_MISSING", /no element nvarguscamerasrc; it comes with NVIDIA's JetPack/],
  ["nosuchsrc", "PROGRAM_MISSING", /no element nosuchsrc; install it with: sudo apt-get install/],
  ["v4l2src device=/dev/video9", "CAMERA_UNAVAILABLE", /is not there; plug the camera in/],
  ["videotestsrc ! !", "CAMERA_UNAVAILABLE", /syntax error/],
  ["videotestsrc ! video/x-raw,width=320,height=240", "CAMERA_UNAVAILABLE", /can't handle caps .*width=\(int\)64/],
])("%s: the sentence says what is wrong", async (pipeline, code, sentence) => {
  const expected = { code, message: expect.stringMatching(sentence) };
  await expect(take(open(pipeline, 64, 48), 1)).rejects.toMatchObject(expected);
});

test("a missing gst-launch-1.0 gets its sentence", async () => {
  await withoutPrograms(() =>
    expect(take(open("videotestsrc", 64, 48), 1)).rejects.toThrow(
      /gst-launch-1.0 was not found on PATH; .*apt-get install gstreamer1.0-tools/,
    ),
  );
});

test("a device killed with -9 leaves no camera program behind", async () => {
  const from = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href);
  const script = `
    import { readFileSync, writeSync } from "node:fs";
    const { gstreamerSource, GstreamerSourceOptions } = await import(${from("pipeline/capture/gstreamer-source.ts")});
    const { systemClock } = await import(${from("platform/clock.ts")});
    const pipeline = "videotestsrc is-live=true ! video/x-raw,width=64,height=48";
    const options = GstreamerSourceOptions.parse({ type: "gstreamer", pipeline, widthPx: 64, heightPx: 48 });
    const source = gstreamerSource(options, systemClock);
    for await (const _ of source.exposures(new AbortController().signal)) dieNow();
    function dieNow() {
      writeSync(1, readFileSync("/proc/self/task/" + process.pid + "/children"));
      process.kill(process.pid, "SIGKILL");
    }`;
  const killed = await run(process.execPath, ["--input-type=module", "-e", script]).catch(
    (error: { stdout: string }) => error,
  );
  const pid = Number(killed.stdout);
  expect(pid).toBeGreaterThan(0);
  const isGone = async (): Promise<boolean> => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
    return /^State:\t[XZ]/m.test(status);
  };
  await until(isGone, "the camera program has ended");
});

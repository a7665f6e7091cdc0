import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { gstreamerSource, GstreamerSourceOptions, pipelineWords } from "../../../src/pipeline/capture/gstreamer-source.ts";
import { asFrame, childPids, sizeOf, take, withoutPrograms } from "./capturing.ts";

const open = (pipeline: string, widthPx: number, heightPx: number, options: object = {}) =>
  gstreamerSource(GstreamerSourceOptions.parse({ type: "gstreamer", pipeline, widthPx, heightPx, ...options }), systemClock);

test.each([[322, 242, "rgb", 3], [321, 241, "grey", 1], [640, 480, "rgb", 3]] as const)(
  "a %i x %i %s test pattern arrives without row padding",
  async (widthPx, heightPx, colour, channels) => {
    const pipeline = `videotestsrc pattern=solid-color foreground-color=0xff204060 ! video/x-raw,width=${widthPx},height=${heightPx},format=RGB`;
    const taken = await take(open(pipeline, widthPx, heightPx, { colour }), 3);
    expect(taken.map(sizeOf)).toEqual(Array(3).fill(`${widthPx}x${heightPx}x${channels}`));
    const { pixels } = asFrame(taken[2]).image;
    expect(pixels).toHaveLength(widthPx * heightPx * channels);
    // One colour all over: any padding byte or shifted row would break the repetition.
    const first = pixels.subarray(0, channels);
    expect(pixels.every((value, index) => value === first[index % channels])).toBe(true);
    if (channels === 3) expect([...first]).toEqual([0x20, 0x40, 0x60]);
    expect(await childPids()).toEqual([]);
  },
);

test("a pipeline that reads a file comes to its end", async () => {
  const taken = await take(open("videotestsrc num-buffers=4 ! video/x-raw,width=320", 320, 240, { live: false }), 100);
  expect(taken).toHaveLength(4);
});

test("words within quotes stay together, for names with spaces", () => {
  expect(pipelineWords(`filesrc location="/a b/c.mp4" ! 'video/x-raw, width=3'  ! queue`)).toEqual([
    "filesrc", "location=/a b/c.mp4", "!", "video/x-raw, width=3", "!", "queue",
  ]);
});

test.each([
  ["nvarguscamerasrc ! nvvidconv", "PROGRAM_MISSING", /no element nvarguscamerasrc; it comes with NVIDIA's JetPack/],
  ["nosuchsrc", "PROGRAM_MISSING", /no element nosuchsrc; install it with: sudo apt-get install/],
  ["v4l2src device=/dev/video9", "CAMERA_UNAVAILABLE", /is not there; plug the camera in/],
  ["videotestsrc ! !", "CAMERA_UNAVAILABLE", /syntax error/],
  ["videotestsrc ! video/x-raw,width=320,height=240", "CAMERA_UNAVAILABLE", /can't handle caps .*width=\(int\)64/],
])("%s: the sentence says what is wrong", async (pipeline, code, sentence) => {
  await expect(take(open(pipeline, 64, 48), 1)).rejects.toMatchObject({ code, message: expect.stringMatching(sentence) });
});

test("a missing gst-launch-1.0 gets its sentence", async () => {
  await withoutPrograms(() =>
    expect(take(open("videotestsrc", 64, 48), 1)).rejects.toThrow(/gst-launch-1.0 was not found on PATH; .*apt-get install gstreamer1.0-tools/),
  );
});

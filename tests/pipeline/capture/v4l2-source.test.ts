import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { explainEnd } from "../../../src/pipeline/capture/camera-sentences.ts";
import {
  ffmpegV4l2Args,
  gstreamerV4l2Pipeline,
  v4l2Source,
  V4l2SourceOptions,
} from "../../../src/pipeline/capture/v4l2-source.ts";
import { take } from "./capturing.ts";

const parse = (options: object = {}) => V4l2SourceOptions.parse({ type: "v4l2", ...options });

test.each(["ffmpeg", "gstreamer"])("through %s, a missing camera gets its sentence", async (through) => {
  await expect(take(v4l2Source(parse({ device: "/dev/video9", through }), systemClock), 1)).rejects.toMatchObject({
    code: "CAMERA_UNAVAILABLE",
    detail: "/dev/video9 is not there; plug the camera in and look at what `ls /dev/video*` shows",
  });
});

test.each(["ffmpeg", "gstreamer"])("through %s, a device that is no camera gets its sentence", async (through) => {
  const source = v4l2Source(parse({ device: "/dev/null", through }), systemClock);
  await expect(take(source, 1)).rejects.toThrow(/^the camera cannot be opened: \/dev\/null /);
});

// As ffmpeg 5.1 and GStreamer 1.22 print them.
test.each([
  [
    "[video4linux2,v4l2 @ 0x55] [error] ioctl(VIDIOC_STREAMON): Device or resource busy",
    /is in use by another program; `fuser -v`/,
  ],
  [
    "ERROR: from element /GstPipeline:pipeline0/GstV4l2Src:v4l2src0: Device '/dev/video0' is busy",
    /is in use by another program/,
  ],
  ["[error] /dev/video0: Permission denied", /add it to the video group \(sudo usermod -aG video USER\)/],
  [
    "[error] /dev/null: Inappropriate ioctl for device",
    /is not a camera; look at what `v4l2-ctl --list-devices` shows/,
  ],
  ["[video4linux2,v4l2 @ 0x55] [error] ioctl(VIDIOC_DQBUF): No such device", /is not there; plug the camera in/],
  [
    "ERROR: from element /GstPipeline:pipeline0/GstAravis:aravis0: Could not find camera \"x\": Device 'x' not found",
    /`arv-tool-0.8` lists/,
  ],
  ["[verbose] Permission denied by chatter\n[error] out of luck", /\/dev\/video0: it ended, saying: out of luck$/],
])("%s", (stderr, sentence) => {
  expect(explainEnd("/dev/video0", stderr, "it ended", false).detail).toMatch(sentence);
});

test("a loss in mid-stream is told from a camera that never opened", () => {
  expect(explainEnd("/dev/video0", "", "it ended", true).code).toBe("CAMERA_LOST");
  expect(explainEnd("/dev/video0", "", "it ended", false).code).toBe("CAMERA_UNAVAILABLE");
});

test("size, rate and pixel format reach the program", () => {
  const size = { widthPx: 1920, heightPx: 1080 };
  const options = parse({ device: "/dev/v4l/by-id/cam", ...size, framesPerSecond: 7.5, pixelFormat: "yuyv422" });
  expect(ffmpegV4l2Args(options).join(" ")).toContain(
    "-f v4l2 -input_format yuyv422 -framerate 7.5 -video_size 1920x1080 -i /dev/v4l/by-id/cam",
  );
  expect(gstreamerV4l2Pipeline(options)).toBe(
    "v4l2src device=/dev/v4l/by-id/cam ! video/x-raw,format=YUY2,width=1920,height=1080,framerate=7500/1000",
  );
  expect(gstreamerV4l2Pipeline(parse())).toBe(
    "v4l2src device=/dev/video0 ! image/jpeg,width=1280,height=720,framerate=30000/1000 ! jpegdec",
  );
});

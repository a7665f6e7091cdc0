import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { checkCamera, checkCameraPrograms } from "../../../src/edge/doctor/camera-check.ts";
import { CameraConfig, openFrameSource } from "../../../src/edge/camera-config.ts";
import type { FrameSource } from "../../../src/pipeline/capture/frame-source.ts";
import { systemClock } from "../../../src/platform/clock.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-camera-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});
const open = (camera: object): FrameSource => openFrameSource(CameraConfig.parse(camera), systemClock);

test("a camera that delivers is fine", async () => {
  const finding = await checkCamera(open({ type: "simulated", partsPerSecond: 50 }), systemClock);
  expect(finding).toMatchObject({ level: "ok", sentence: expect.stringMatching(/288 x 336 px, grey, after [\d.]+ s/) });
});

test("a GStreamer pipeline delivers one picture and is stopped", async () => {
  const camera = { type: "gstreamer", pipeline: "videotestsrc is-live=true", widthPx: 64, heightPx: 48 };
  expect(await checkCamera(open(camera), systemClock)).toMatchObject({
    level: "ok",
    sentence: expect.stringContaining("64 x 48 px, colour"),
  });
});

test("a device that is not there is a failure with its remedy", async () => {
  const finding = await checkCamera(open({ type: "v4l2", device: "/dev/video99" }), systemClock);
  expect(finding).toMatchObject({
    level: "failure",
    sentence: expect.stringMatching(/\/dev\/video99 is not there; plug the camera in/),
  });
});

test("a missing program is a failure with the command that installs it", async () => {
  await writeFile(join(folder, "film.mp4"), "");
  vi.stubEnv("PATH", folder);
  const finding = await checkCamera(open({ type: "video", path: join(folder, "film.mp4") }), systemClock);
  expect(finding).toMatchObject({ level: "failure", sentence: expect.stringContaining("sudo apt-get install ffmpeg") });
  expect(await checkCameraPrograms()).toMatchObject({
    level: "warning",
    remedy: expect.stringContaining("sudo apt-get install ffmpeg"),
  });
});

test("a damaged image and an empty folder are failures", async () => {
  expect((await checkCamera(open({ type: "directory", path: folder }), systemClock)).level).toBe("failure");
  await writeFile(join(folder, "part.jpg"), "");
  expect((await checkCamera(open({ type: "directory", path: folder }), systemClock)).level).toBe("failure");
});

test("a camera that opens and stays silent is a failure after ten seconds, and is told to stop", async () => {
  let stopped = false;
  async function* silent(signal: AbortSignal): AsyncGenerator<never, void, void> {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    stopped = true;
  }
  const hurried = { ...systemClock, after: (_ms: number, action: () => void) => systemClock.after(10, action) };
  const finding = await checkCamera({ name: "quiet camera", live: true, exposures: silent }, hurried);
  expect(finding).toMatchObject({ level: "failure", sentence: "quiet camera opened but sent no picture in 10 s" });
  expect(stopped).toBe(true);
  expect(
    (await checkCamera({ name: "watched folder", live: false, idles: true, exposures: silent }, hurried)).level,
  ).toBe("warning");
});

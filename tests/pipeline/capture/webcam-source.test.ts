import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { webcamSource, WebcamSourceOptions } from "../../../src/pipeline/capture/webcam-source.ts";
import type { CapturedFrame } from "../../../src/pipeline/frame.ts";
import { asFrame, childPids, linkTo, sizeOf, take, withoutPrograms } from "./capturing.ts";

/** Red, green and blue of the colour bar at `x`, each as 1 (bright) or 0. */
const colourAt = (frame: CapturedFrame, x: number): string =>
  [...asFrame(frame).image.pixels.subarray(x * 3, x * 3 + 3)].map((value) => (value > 127 ? "1" : "0")).join("");

const open = (options: object) => webcamSource(WebcamSourceOptions.parse({ type: "webcam", ...options }), systemClock);

test("node-webcam delivers fswebcam's test picture through the camera link, again and again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "webcam-"));
  vi.stubEnv("TMPDIR", folder);
  const link = linkTo(open({ device: "TEST", widthPx: 640, heightPx: 480 }));
  await link.start();
  for (let trigger = 0; trigger < 3; trigger++) {
    const tick = systemClock.tick();
    const frame = await link.nextAfter(tick, AbortSignal.timeout(20_000));
    expect(sizeOf(frame)).toBe("640x480x3");
    expect(frame.capturedTick).toBeGreaterThanOrEqual(tick);
    expect(["white", "yellow", "cyan"].map((_, bar) => colourAt(frame, 40 + 80 * bar))).toEqual(["111", "110", "011"]);
  }
  await link.stop();
  expect(link.status()).toMatchObject({ restarts: 0, lastError: null });
  expect(await childPids()).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

test("a missing camera and a missing fswebcam each get their sentence", async () => {
  await expect(take(open({ device: "/dev/video9" }), 1)).rejects.toMatchObject({
    code: "CAMERA_UNAVAILABLE",
    detail: "/dev/video9 is not there; plug the camera in and look at what `ls /dev/video*` shows",
  });
  await withoutPrograms(() =>
    expect(take(open({ device: "TEST" }), 1)).rejects.toThrow(/fswebcam was not found on PATH/),
  );
});

test("a device that is no camera yields no picture, and says how to see why", async () => {
  await expect(take(open({ device: "/dev/null" }), 1)).rejects.toThrow(
    /fswebcam took no picture from \/dev\/null; run `fswebcam/,
  );
});

test.each(["/dev/video0; reboot", "$(reboot)", "/dev/video0 -S 3", "video0"])(
  "the device name %j is refused",
  (device) => {
    expect(WebcamSourceOptions.safeParse({ type: "webcam", device }).success).toBe(false);
  },
);

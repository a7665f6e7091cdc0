import { SightlineError, messageOf } from "../../contracts/errors.ts";
import { frameStatistics } from "../../imaging/frame-statistics.ts";
import type { Exposure, FrameSource } from "../../pipeline/capture/frame-source.ts";
import { findProgram } from "../../platform/child-program.ts";
import type { Clock } from "../../platform/clock.ts";
import { failure, fine, warning, type Finding } from "./finding.ts";

const FIRST_FRAME_WITHIN_MS = 10_000;

/** One picture within ten seconds, through the same source the device uses. */
export async function checkCamera(source: FrameSource, clock: Clock): Promise<Finding> {
  const startedTick = clock.tick();
  const remedy = "correct camera in the configuration; firmware-config/ and docs/cameras.md have working examples";
  try {
    const exposure = await firstExposure(source, clock);
    const seconds = ((clock.tick() - startedTick) / 1000).toFixed(1);
    if (exposure === "late" && source.idles === true)
      return warning(`${source.name}: no image yet`, "put an image there to try it");
    if (exposure === "late")
      return failure(
        `${source.name} opened but sent no picture in ${FIRST_FRAME_WITHIN_MS / 1000} s`,
        "check its cable, its mode and whether it waits for a hardware trigger",
      );
    if (exposure === undefined) return failure(`${source.name} ended without a picture`, remedy);
    if (exposure.kind === "damaged")
      return failure(`${source.name}: ${exposure.detail}`, "look at the picture with another program");
    const { widthPx, heightPx, channels } = exposure.image;
    const { meanLuminance, brightShare, sharpness } = frameStatistics(exposure.image, { thumbnail: false });
    const light = `brightness ${meanLuminance.toFixed(0)}, ${(100 * brightShare).toFixed(0)} % saturated`;
    const colour = channels === 1 ? "grey" : "colour";
    return fine(
      `${source.name}: ${widthPx} x ${heightPx} px, ${colour}, after ${seconds} s; ${light}, sharpness ${sharpness.toFixed(1)}`,
    );
  } catch (error) {
    return failure(error instanceof SightlineError ? error.detail : messageOf(error), remedy);
  }
}

async function firstExposure(source: FrameSource, clock: Clock): Promise<Exposure | "late" | undefined> {
  const stop = new AbortController();
  const frames = source.exposures(stop.signal)[Symbol.asyncIterator]();
  const first = frames.next().then(({ value, done }): Exposure | undefined => (done === true ? undefined : value));
  let cancel = (): void => undefined;
  const late = new Promise<"late">((resolve) => {
    cancel = clock.after(FIRST_FRAME_WITHIN_MS, () => resolve("late"));
  });
  try {
    return await Promise.race([first, late]);
  } finally {
    cancel();
    stop.abort();
    first.catch(() => undefined); // late: what the aborted source says no longer matters
    await frames.return?.();
  }
}

const PROGRAMS = {
  ffmpeg: "ffmpeg",
  "gst-launch-1.0": "gstreamer1.0-tools",
  fswebcam: "fswebcam",
  "v4l2-ctl": "v4l-utils",
} as const;

/** Without a configuration: which cameras could be used at all. */
export async function checkCameraPrograms(): Promise<Finding> {
  const found = await Promise.all(
    Object.entries(PROGRAMS).map(async ([name, pkg]) => ({ name, pkg, path: await findProgram(name) })),
  );
  const there = found.filter(({ path }) => path !== undefined).map(({ name }) => name);
  const missing = found.filter(({ path }) => path === undefined);
  const sentence = `camera programs: ${there.join(", ") || "none"}`;
  if (missing.length === 0) return fine(sentence);
  return warning(
    `${sentence}; missing: ${missing.map(({ name }) => name).join(", ")}`,
    `what your camera needs of them: sudo apt-get install ${missing.map(({ pkg }) => pkg).join(" ")}`,
  );
}

import { access, constants } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { SightlineError } from "../../contracts/errors.ts";
import { ffmpegExposures } from "./ffmpeg-frames.ts";
import type { FrameSource } from "./frame-source.ts";
import { colourOption } from "./stream-options.ts";

export const VideoSourceOptions = z.strictObject({
  type: z.literal("video"),
  path: z.string().min(1).describe("video file"),
  loop: z.boolean().default(false).describe("start again at its end"),
  realTime: z.boolean().default(false).describe("at the rate it was recorded; otherwise as fast as the line takes frames"),
  colour: colourOption,
});
export type VideoSourceOptions = z.infer<typeof VideoSourceOptions>;

/** The frames of a video file in order; it waits for its consumer and loses none. Metadata: `file`, `frame` (from 0). */
export function videoSource(options: VideoSourceOptions, clock: Clock): FrameSource {
  const name = `video ${options.path}`;
  const file = basename(options.path);
  async function* exposures(signal: AbortSignal) {
    do {
      await access(options.path, constants.R_OK).catch(() => {
        throw new SightlineError("CAMERA_UNAVAILABLE", `${options.path} cannot be read; check the path and its permissions`);
      });
      const inputArgs = [...(options.realTime ? ["-re"] : []), "-i", `file:${resolve(options.path)}`];
      const metadata = (frame: number) => ({ file, frame });
      const input = { inputArgs, colour: options.colour, origin: options.path, deliveryDelayMs: 0, mayEnd: true, metadata };
      yield* ffmpegExposures(input, clock, signal);
    } while (options.loop && !signal.aborted);
  }
  return { name, live: false, exposures };
}

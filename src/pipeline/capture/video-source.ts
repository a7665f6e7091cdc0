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
  realTime: z.boolean().default(false).describe("at the rate it was recorded, not as fast as the line can"),
  colour: colourOption,
});
export type VideoSourceOptions = z.infer<typeof VideoSourceOptions>;

/** The frames of a video file in order; the file waits, so none is lost. Metadata: `file`, `frame` (from 0). */
export function videoSource(options: VideoSourceOptions, clock: Clock): FrameSource {
  const name = `video ${options.path}`;
  const file = basename(options.path);
  async function* exposures(signal: AbortSignal) {
    do {
      await access(options.path, constants.R_OK).catch(() => {
        const detail = `${options.path} cannot be read; check the path and its permissions`;
        throw new SightlineError("CAMERA_UNAVAILABLE", detail);
      });
      const inputArgs = [...(options.realTime ? ["-re"] : []), "-i", `file:${resolve(options.path)}`];
      const metadata = (frame: number) => ({ file, frame });
      const { path: origin, colour } = options;
      const input = { inputArgs, colour, origin, deliveryDelayMs: 0, mayEnd: true, metadata };
      yield* ffmpegExposures(input, clock, signal);
    } while (options.loop && !signal.aborted);
  }
  return { name, live: false, exposures };
}

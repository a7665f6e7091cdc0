import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { ffmpegExposures, LIVE_INPUT_ARGS } from "./ffmpeg-frames.ts";
import type { FrameSource } from "./frame-source.ts";
import { maskCredentials } from "./mask-credentials.ts";
import { colourOption, deliveryDelayOption } from "./stream-options.ts";

export const HttpSourceOptions = z.strictObject({
  type: z.literal("http"),
  url: z.url({ protocol: /^https?$/ }).describe("MJPEG, MPEG-TS or HLS stream; shown everywhere without its password"),
  colour: colourOption,
  deliveryDelayMs: deliveryDelayOption(200),
});
export type HttpSourceOptions = z.infer<typeof HttpSourceOptions>;

/** A stream over HTTP; its end is a loss, after which the camera link connects again. */
export function httpSource(options: HttpSourceOptions, clock: Clock): FrameSource {
  const origin = maskCredentials(options.url);
  return {
    name: `http ${origin}`,
    live: true,
    exposures: (signal) =>
      ffmpegExposures(
        {
          inputArgs: [...LIVE_INPUT_ARGS, "-i", options.url],
          colour: options.colour,
          origin,
          deliveryDelayMs: options.deliveryDelayMs,
          mayEnd: false,
        },
        clock,
        signal,
      ),
  };
}

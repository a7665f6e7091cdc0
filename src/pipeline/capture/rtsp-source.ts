import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { ffmpegExposures, LIVE_INPUT_ARGS } from "./ffmpeg-frames.ts";
import type { FrameSource } from "./frame-source.ts";
import { maskCredentials } from "./mask-credentials.ts";
import { colourOption, deliveryDelayOption } from "./stream-options.ts";

export const RtspSourceOptions = z.strictObject({
  type: z.literal("rtsp"),
  url: z.url({ protocol: /^rtsps?$/ }).describe("rtsp://user:password@camera/path; shown without the password"),
  transport: z.enum(["tcp", "udp"]).default("tcp").describe("tcp: no torn pictures on a busy network"),
  colour: colourOption,
  deliveryDelayMs: deliveryDelayOption(200),
});
export type RtspSourceOptions = z.infer<typeof RtspSourceOptions>;

/**
 * A network camera. There is no time limit of ffmpeg's own, whose option changed its name and meaning between
 * releases: the camera link's limits end a connection that stands still.
 */
export function rtspSource(options: RtspSourceOptions, clock: Clock): FrameSource {
  const origin = maskCredentials(options.url);
  return {
    name: `rtsp ${origin}`,
    live: true,
    exposures: (signal) =>
      ffmpegExposures(
        {
          inputArgs: [...LIVE_INPUT_ARGS, "-rtsp_transport", options.transport, "-i", options.url],
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

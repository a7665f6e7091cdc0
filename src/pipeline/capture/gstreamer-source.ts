import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { requireProgram } from "./camera-sentences.ts";
import type { Colour } from "./ffmpeg-frames.ts";
import type { Exposures, FrameSource } from "./frame-source.ts";
import { PaddedRawParser } from "./image-parsers.ts";
import { maskCredentials } from "./mask-credentials.ts";
import { programExposures } from "./program-frames.ts";
import { colourOption, deliveryDelayOption } from "./stream-options.ts";

export const GstreamerSourceOptions = z.strictObject({
  type: z.literal("gstreamer"),
  pipeline: z
    .string()
    .min(1)
    .describe("as for gst-launch-1.0, from the source up to raw video in system memory; without a sink"),
  widthPx: z.int().min(1).max(16384).describe("of the frames the pipeline delivers; another size is refused"),
  heightPx: z.int().min(1).max(16384),
  live: z.boolean().default(true).describe("false: the pipeline reads a file and waits for the line"),
  colour: colourOption,
  deliveryDelayMs: deliveryDelayOption(50),
});
export type GstreamerSourceOptions = z.infer<typeof GstreamerSourceOptions>;

export interface GstreamerInput {
  readonly pipeline: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly colour: Colour;
  readonly origin: string;
  readonly deliveryDelayMs: number;
  readonly mayEnd: boolean;
}

/** GStreamer starts every row of raw video at a multiple of four bytes. */
const ROW_ALIGNMENT_BYTES = 4;

/**
 * Frames of any GStreamer pipeline. The size is part of the caps, so that a pipeline that delivers another one fails
 * instead of shifting rows; frames leave on descriptor 3, where no element's printing can get between them.
 * gst-launch-1.0 is asked to end with SIGINT, on which it closes the camera (Jetson's nvargus-daemon needs that).
 */
export async function* gstreamerExposures(input: GstreamerInput, clock: Clock, signal: AbortSignal): Exposures {
  const path = await requireProgram("gst-launch-1.0");
  const { widthPx, heightPx } = input;
  const format = input.colour === "grey" ? "GRAY8" : "RGB";
  const caps = `video/x-raw,format=${format},width=${widthPx},height=${heightPx}`;
  const sink = ["!", "videoconvert", "!", caps, "!", "fdsink", "fd=3", "sync=false"];
  const args = ["-q", ...pipelineWords(input.pipeline), ...sink];
  yield* programExposures(
    {
      program: { path, args, outputFd: 3, stopSignal: "SIGINT", stopGraceMs: 2000 },
      parser: new PaddedRawParser(
        { widthPx, heightPx, channels: input.colour === "grey" ? 1 : 3 },
        ROW_ALIGNMENT_BYTES,
      ),
      origin: input.origin,
      deliveryDelayMs: input.deliveryDelayMs,
      mayEnd: input.mayEnd,
      metadata: () => ({}),
    },
    clock,
    signal,
  );
}

/** gst-launch-1.0 takes words: split at spaces, except within quotes, which are taken off as a shell does. */
export function pipelineWords(pipeline: string): string[] {
  const words = pipeline.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"[^"]*"|'[^']*'/g, (quoted) => quoted.slice(1, -1)));
}

/** A pipeline of the user's own; pipelines for common cameras are in docs/cameras.md. */
export function gstreamerSource(options: GstreamerSourceOptions, clock: Clock): FrameSource {
  const firstElement = pipelineWords(options.pipeline)[0] ?? "";
  const origin = maskCredentials(`gstreamer ${firstElement}`);
  return {
    name: origin,
    live: options.live,
    exposures: (signal) => gstreamerExposures({ ...options, origin, mayEnd: !options.live }, clock, signal),
  };
}

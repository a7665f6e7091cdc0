import { programOutput } from "../../platform/child-program.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FrameMetadata } from "../frame.ts";
import { requireProgram } from "./camera-sentences.ts";
import type { Exposures } from "./frame-source.ts";
import { NetpbmParser } from "./image-parsers.ts";
import { programExposures } from "./program-frames.ts";

export type Colour = "rgb" | "grey";

export interface FfmpegInput {
  /** Options that stand before `-i`, and `-i` itself with the address. */
  readonly inputArgs: readonly string[];
  readonly colour: Colour;
  readonly origin: string;
  readonly deliveryDelayMs: number;
  readonly mayEnd: boolean;
  readonly metadata?: (frameIndex: number) => FrameMetadata;
}

/**
 * Least delay for a live input: what was read while the stream was being recognised is old and thrown away, and there
 * are no decoder threads that each hold a frame back.
 */
export const LIVE_INPUT_ARGS = ["-fflags", "nobuffer", "-flags", "low_delay", "-thread_type", "slice"] as const;

/**
 * Frames of anything ffmpeg opens. Pictures cross the pipe as Netpbm, raw pixels behind a short header with their
 * size: no second connection for ffprobe (many cameras allow but one). Every decoded frame is passed on once: ffmpeg
 * would otherwise repeat and drop some to keep an even rate.
 */
export async function* ffmpegExposures(input: FfmpegInput, clock: Clock, signal: AbortSignal): Exposures {
  const path = await requireProgram("ffmpeg");
  const args = [
    "-hide_banner",
    "-nostdin",
    "-nostats",
    "-loglevel",
    "level+verbose",
    ...input.inputArgs,
    "-map",
    "0:v:0",
    ...(await everyFrameOnceArgs(path)),
    "-c:v",
    input.colour === "grey" ? "pgm" : "ppm",
    "-f",
    "image2pipe",
    "pipe:1",
  ];
  yield* programExposures(
    {
      program: { path, args },
      parser: new NetpbmParser(),
      origin: input.origin,
      deliveryDelayMs: input.deliveryDelayMs,
      mayEnd: input.mayEnd,
      metadata: input.metadata ?? (() => ({})),
      sizeIn: inputSize,
    },
    clock,
    signal,
  );
}

/** ffmpeg's filter graph tells its input's size (at log level verbose) whenever it is set up anew. */
function inputSize(stderrLine: string): string | undefined {
  const [, width, height] = /\[graph [^\]]*\] \[verbose\] w:(\d+) h:(\d+) pixfmt:/.exec(stderrLine) ?? [];
  return width === undefined ? undefined : `${width} x ${height}`;
}

/** `-vsync` was renamed in 5.1, and older releases (Jetson's 4.4) know only the old name. */
async function everyFrameOnceArgs(ffmpegPath: string): Promise<readonly string[]> {
  const banner = await programOutput(ffmpegPath, ["-version"], 5000);
  const [, major, minor] = /^ffmpeg version n?(\d+)\.(\d+)/.exec(banner ?? "") ?? [];
  const old = major !== undefined && Number(major) * 100 + Number(minor) < 501;
  return [old ? "-vsync" : "-fps_mode", "passthrough"];
}

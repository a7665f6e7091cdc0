import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { checkDevice } from "./camera-sentences.ts";
import { ffmpegExposures } from "./ffmpeg-frames.ts";
import type { FrameSource } from "./frame-source.ts";
import { gstreamerExposures } from "./gstreamer-source.ts";
import { colourOption, deliveryDelayOption } from "./stream-options.ts";

export const V4l2SourceOptions = z.strictObject({
  type: z.literal("v4l2"),
  device: z
    .string()
    .regex(/^\/dev\/\S+$/)
    .default("/dev/video0")
    .describe("better a stable name from /dev/v4l/by-id"),
  widthPx: z.int().min(1).max(16384).default(1280).describe("one of the sizes `v4l2-ctl --list-formats-ext` shows"),
  heightPx: z.int().min(1).max(16384).default(720),
  framesPerSecond: z.number().positive().max(1000).default(30),
  pixelFormat: z
    .enum(["mjpeg", "yuyv422"])
    .default("mjpeg")
    .describe("mjpeg: full rate over USB 2; yuyv422: no compression, at lower rates"),
  through: z.enum(["ffmpeg", "gstreamer"]).default("ffmpeg").describe("the program that reads the camera"),
  colour: colourOption,
  deliveryDelayMs: deliveryDelayOption(50),
});
export type V4l2SourceOptions = z.infer<typeof V4l2SourceOptions>;

/** A USB camera, or any other that Linux shows as /dev/videoN. */
export function v4l2Source(options: V4l2SourceOptions, clock: Clock): FrameSource {
  async function* exposures(signal: AbortSignal) {
    await checkDevice(options.device);
    const { colour, device: origin, deliveryDelayMs, widthPx, heightPx } = options;
    const common = { colour, origin, deliveryDelayMs, mayEnd: false };
    if (options.through === "ffmpeg") {
      yield* ffmpegExposures({ ...common, inputArgs: ffmpegV4l2Args(options) }, clock, signal);
    } else {
      const pipeline = gstreamerV4l2Pipeline(options);
      yield* gstreamerExposures({ ...common, widthPx, heightPx, pipeline }, clock, signal);
    }
  }
  return { name: `v4l2 ${options.device}`, live: true, exposures };
}

export const ffmpegV4l2Args = (options: V4l2SourceOptions): string[] => [
  "-fflags",
  "nobuffer",
  "-thread_type",
  "slice",
  "-f",
  "v4l2",
  "-input_format",
  options.pixelFormat,
  "-framerate",
  String(options.framesPerSecond),
  "-video_size",
  `${options.widthPx}x${options.heightPx}`,
  "-i",
  options.device,
];

export function gstreamerV4l2Pipeline(options: V4l2SourceOptions): string {
  const size = `width=${options.widthPx},height=${options.heightPx}`;
  const rate = `framerate=${Math.round(options.framesPerSecond * 1000)}/1000`;
  const jpeg = options.pixelFormat === "mjpeg";
  const frames = jpeg ? `image/jpeg,${size},${rate} ! jpegdec` : `video/x-raw,format=YUY2,${size},${rate}`;
  return `v4l2src device=${options.device} ! ${frames}`;
}

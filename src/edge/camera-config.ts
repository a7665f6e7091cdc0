import { z } from "zod";
import { DirectorySourceOptions, directorySource } from "../pipeline/capture/directory-source.ts";
import type { FrameSource } from "../pipeline/capture/frame-source.ts";
import { GstreamerSourceOptions, gstreamerSource } from "../pipeline/capture/gstreamer-source.ts";
import { HttpSourceOptions, httpSource } from "../pipeline/capture/http-source.ts";
import { RtspSourceOptions, rtspSource } from "../pipeline/capture/rtsp-source.ts";
import { SimulatedSourceOptions, simulatedSource } from "../pipeline/capture/simulated-source.ts";
import { V4l2SourceOptions, v4l2Source } from "../pipeline/capture/v4l2-source.ts";
import { VideoSourceOptions, videoSource } from "../pipeline/capture/video-source.ts";
import { WebcamSourceOptions, webcamSource } from "../pipeline/capture/webcam-source.ts";
import type { Clock } from "../platform/clock.ts";

/** Where frames come from: one of the sources, told apart by `type`. */
export const CameraConfig = z.discriminatedUnion("type", [
  SimulatedSourceOptions,
  DirectorySourceOptions,
  VideoSourceOptions,
  RtspSourceOptions,
  HttpSourceOptions,
  GstreamerSourceOptions,
  V4l2SourceOptions,
  WebcamSourceOptions,
]);
export type CameraConfig = Readonly<z.infer<typeof CameraConfig>>;

export function openFrameSource(camera: CameraConfig, clock: Clock): FrameSource {
  switch (camera.type) {
    case "simulated":
      return simulatedSource(camera, clock);
    case "directory":
      return directorySource(camera, clock);
    case "video":
      return videoSource(camera, clock);
    case "rtsp":
      return rtspSource(camera, clock);
    case "http":
      return httpSource(camera, clock);
    case "gstreamer":
      return gstreamerSource(camera, clock);
    case "v4l2":
      return v4l2Source(camera, clock);
    case "webcam":
      return webcamSource(camera, clock);
  }
}

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { SightlineError } from "../../contracts/errors.ts";
import { decodeImage } from "../../imaging/decode-image.ts";
import { checkDevice, requireProgram } from "./camera-sentences.ts";
import type { Exposure, Exposures, FrameSource } from "./frame-source.ts";

export const WebcamSourceOptions = z.strictObject({
  type: z.literal("webcam"),
  // node-webcam puts these into a shell line: the pattern keeps everything out that a shell would act on.
  device: z
    .string()
    .regex(/^(TEST|\/dev\/[\w/.:-]+)$/, "is neither a device such as /dev/video0 nor TEST")
    .default("/dev/video0")
    .describe("TEST: fswebcam's own test picture"),
  widthPx: z.int().min(1).max(16384).default(1280),
  heightPx: z.int().min(1).max(16384).default(720),
  skipFrames: z.int().min(0).max(100).default(2).describe("thrown away before each picture while it settles"),
  everyMs: z.int().min(0).default(0).describe("least time from one picture to the next"),
  captureTimeoutMs: z.int().min(100).default(10_000).describe("after which a capture that hangs is killed"),
});
export type WebcamSourceOptions = z.infer<typeof WebcamSourceOptions>;

/** What this file uses of node-webcam, which has no types. `bin` is the command its shell line begins with. */
interface NodeWebcam {
  bin: string;
  capture(path: string, done: (error: Error | null, path?: string) => void): void;
}
interface NodeWebcamModule {
  create(options: Readonly<Record<string, string | number | boolean>>): NodeWebcam;
}

/** A webcam through the package node-webcam (fswebcam), one program start per picture: simple, but slow. */
export function webcamSource(options: WebcamSourceOptions, clock: Clock): FrameSource {
  async function* exposures(signal: AbortSignal): Exposures {
    signal.throwIfAborted();
    await requireProgram("fswebcam");
    if (options.device !== "TEST") await checkDevice(options.device);
    const webcam = await openWebcam(options);
    const folder = await mkdtemp(join(tmpdir(), "sightline-webcam-"));
    try {
      while (!signal.aborted) {
        const startedTick = clock.tick();
        yield await takePicture(webcam, join(folder, "picture.jpg"), options, clock);
        const waitMs = options.everyMs - (clock.tick() - startedTick);
        if (waitMs > 0) await clock.sleep(waitMs, signal);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return { name: `webcam ${options.device}`, live: true, idles: true, exposures };
}

async function openWebcam(options: WebcamSourceOptions): Promise<NodeWebcam> {
  // Loaded only where it is used; at run time it is a CommonJS package without types.
  const packageName: string = "node-webcam";
  const { default: nodeWebcam } = (await import(packageName)) as { default: NodeWebcamModule };
  const { device, widthPx: width, heightPx: height, skipFrames: skip } = options;
  const webcam = nodeWebcam.create({ device, width, height, skip, quality: 95, output: "jpeg", saveShots: false });
  // node-webcam cannot cancel a capture: coreutils' timeout bounds one that hangs.
  webcam.bin = `timeout -k 1 ${options.captureTimeoutMs / 1000} fswebcam`;
  return webcam;
}

async function takePicture(
  webcam: NodeWebcam,
  path: string,
  options: WebcamSourceOptions,
  clock: Clock,
): Promise<Exposure> {
  await rm(path, { force: true });
  const times = { capturedAt: clock.wallNow(), capturedTick: clock.tick() };
  const problem = await new Promise<Error | null>((resolve) => webcam.capture(path, resolve));
  const bytes = await readFile(path).catch(() => undefined);
  // fswebcam exits with 0 whatever happens; only the picture proves that it worked.
  if (bytes === undefined) throw noPicture(options, problem);
  const decoded = await decodeImage(bytes);
  if (decoded.ok) return { kind: "frame", image: decoded.image, ...times, metadata: {} };
  return { kind: "damaged", reason: decoded.reason, detail: decoded.detail, ...times, metadata: {} };
}

function noPicture(options: WebcamSourceOptions, problem: Error | null): SightlineError {
  const { device } = options;
  const detail = `fswebcam took no picture from ${device}; run \`fswebcam --device ${device} test.jpg\` to see why`;
  return new SightlineError("CAMERA_UNAVAILABLE", detail, { cause: problem });
}

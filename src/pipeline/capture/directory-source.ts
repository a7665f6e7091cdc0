import { join } from "node:path";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { SightlineError } from "../../contracts/errors.ts";
import { ImageReader } from "../../imaging/image-reader.ts";
import type { FrameMetadata } from "../frame.ts";
import type { Exposure, Exposures, FrameSource } from "./frame-source.ts";
import { listImages, openRoot, type ImageRoot } from "./image-folder.ts";
import { newImages } from "./watch-folder.ts";

export const DirectorySourceOptions = z.strictObject({
  type: z.literal("directory"),
  path: z.string().min(1).describe("folder with jpg, png, bmp, tif or webp images at any depth, or one image"),
  mode: z
    .enum(["once", "loop", "watch"])
    .default("once")
    .describe("once: all images, then the end; loop: for ever; watch: images that are added from now on"),
  framesPerSecond: z
    .number()
    .positive()
    .max(1000)
    .optional()
    .describe("at most so many; without it as fast as the line takes them"),
  partPattern: z
    .string()
    .refine(isPattern, "is not a regular expression")
    .optional()
    .describe("regular expression on the file's path; its first group, or all it matches, is the part id"),
  maxPixels: z.int().positive().default(100_000_000).describe("larger images are damaged frames"),
  settleMs: z.int().min(0).default(250).describe("watch: a new file is read when nobody has written to it for so long"),
  patienceMs: z
    .int()
    .min(0)
    .default(5000)
    .describe("watch: an incomplete file gets so long after its last change before it is a fault"),
});
export type DirectorySourceOptions = z.infer<typeof DirectorySourceOptions>;

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** Decoding runs beside inference, two groups ahead; more would only hold memory. */
const GROUPS_AHEAD = 2;
/** Small pictures are read in groups: waking the reader's thread costs as much as decoding half of one. */
const MOST_IN_GROUP = 4;
const MOST_PIXELS_IN_GROUP = 4_000_000;
const SCAN_MS = 100;

/**
 * Image files in natural order of their names. A file that cannot be used is a damaged exposure that says why, never
 * left out. Metadata: `file` (path below the folder) and, where `partPattern` matches, `part`.
 */
export function directorySource(options: DirectorySourceOptions, clock: Clock): FrameSource {
  async function* exposures(signal: AbortSignal): Exposures {
    signal.throwIfAborted();
    const root = await openRoot(options.path);
    signal.throwIfAborted();
    const reader = new ImageReader(clock);
    const stopReading = (): void => void reader.stop();
    signal.addEventListener("abort", stopReading, { once: true });
    const reading = { root, options, clock, reader };
    const read = async (name: string) => only(await readExposures([name], reading)).exposure;
    try {
      if (options.mode === "watch") {
        const { settleMs, patienceMs } = options;
        const added = newImages(root, { read, scanMs: SCAN_MS, settleMs, patienceMs }, clock, signal);
        yield* paced(added, options.framesPerSecond, clock, signal);
      } else {
        yield* paced(listedImages(reading, signal), options.framesPerSecond, clock, signal);
      }
    } finally {
      signal.removeEventListener("abort", stopReading);
      await reader.stop();
    }
  }
  return { name: `directory ${options.path}`, live: false, idles: true, exposures };
}

interface Reading {
  readonly root: ImageRoot;
  readonly options: DirectorySourceOptions;
  readonly clock: Clock;
  readonly reader: ImageReader;
}

interface TimedExposure {
  readonly exposure: Exposure;
  readonly readMs: number;
}

async function* listedImages(reading: Reading, signal: AbortSignal): Exposures {
  const { root, options, clock } = reading;
  do {
    const names = await listImages(root);
    if (names.length === 0) {
      const detail = `${options.path} holds no images; put some in or correct the path`;
      throw new SightlineError("CAMERA_UNAVAILABLE", detail);
    }
    const ahead: Promise<TimedExposure[]>[] = [];
    let groupSize = 1; // until the first picture has told how large they are
    const readAhead = (): void => {
      while (ahead.length < GROUPS_AHEAD && names.length > 0) {
        ahead.push(readExposures(names.splice(0, groupSize), reading));
      }
    };
    try {
      for (readAhead(); !signal.aborted && ahead.length > 0;) {
        const group = (await ahead.shift()) ?? [];
        if (signal.aborted) return;
        groupSize = groupSizeFor(group);
        readAhead();
        for (const read of group) yield shownNow(read, clock);
      }
    } finally {
      await Promise.all(ahead); // never reject; nothing goes on after the end
    }
  } while (options.mode === "loop" && !signal.aborted);
}

/** A file that was decoded ahead counts as captured when it is handed out, less the time its decoding took. */
function shownNow(read: TimedExposure, clock: Clock): Exposure {
  const capturedAt = (clock.wallNow() - read.readMs) as Exposure["capturedAt"]; // arithmetic loses the brand
  const capturedTick = (clock.tick() - read.readMs) as Exposure["capturedTick"];
  return { ...read.exposure, capturedAt, capturedTick };
}

async function* paced(
  exposures: AsyncIterable<Exposure>,
  framesPerSecond: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Exposures {
  let dueTick: number | undefined;
  for await (const exposure of exposures) {
    if (framesPerSecond === undefined) {
      yield exposure;
      continue;
    }
    dueTick ??= clock.tick(); // the first sets the pace, however long the folder took to open
    const earlyMs = dueTick - clock.tick();
    if (earlyMs > 0) await clock.sleep(earlyMs, signal);
    dueTick = Math.max(dueTick, clock.tick() - 1000) + 1000 / framesPerSecond;
    yield { ...exposure, capturedAt: clock.wallNow(), capturedTick: clock.tick() };
  }
}

/** Never rejects: whatever is wrong with a file is its exposure's damage. */
async function readExposures(
  names: readonly string[],
  { root, options, clock, reader }: Reading,
): Promise<TimedExposure[]> {
  const times = { capturedAt: clock.wallNow(), capturedTick: clock.tick() };
  const paths = names.map((name) => join(root.folder, name));
  const images = await reader.read(paths, options.maxPixels);
  return images.map(({ decoded, readMs }, at) => {
    const name = names[at] ?? "";
    const metadata = metadataOf(name, options.partPattern);
    const exposure: Exposure = decoded.ok
      ? { kind: "frame", image: decoded.image, ...times, metadata }
      : { kind: "damaged", reason: decoded.reason, detail: `${name}: ${decoded.detail}`, ...times, metadata };
    return { exposure, readMs };
  });
}

function only<T>([one]: readonly T[]): T {
  if (one === undefined) throw new Error("one file was asked for, none came");
  return one;
}

function groupSizeFor(group: readonly TimedExposure[]): number {
  const pixels = group.map(({ exposure }) =>
    exposure.kind === "frame" ? exposure.image.widthPx * exposure.image.heightPx : 0,
  );
  const largest = Math.max(1, ...pixels);
  return Math.max(1, Math.min(MOST_IN_GROUP, Math.floor(MOST_PIXELS_IN_GROUP / largest)));
}

function metadataOf(name: string, partPattern: string | undefined): FrameMetadata {
  const match = partPattern === undefined ? null : new RegExp(partPattern).exec(name);
  const part = match?.[1] ?? match?.[0] ?? "";
  return part === "" ? { file: name } : { file: name, part };
}

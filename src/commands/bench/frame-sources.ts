import { readdirSync } from "node:fs";
import { mkdtemp, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import type { Exposure, FrameSource } from "../../pipeline/capture/frame-source.ts";
import type { Image } from "../../pipeline/frame.ts";
import type { Clock } from "../../platform/clock.ts";
import { DEFAULT_LINE } from "../../simulation/line-settings.ts";
import { renderPart } from "../../simulation/render-part.ts";

/** All photographs below a folder, masks left out. */
export function listPhotographs(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.jpe?g$/i.test(file))
    .sort()
    .map((file) => join(folder, file));
  if (files.length === 0) throw new SightlineError("USAGE", `${folder} holds no JPEG files; give another --data`);
  return files;
}

/** A folder with links to these files alone: the data's masks are no photographs. */
export async function folderOf(files: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sightline-photographs-"));
  await Promise.all(
    files.map((file, at) => symlink(resolve(file), join(folder, `${String(at).padStart(5, "0")}.jpg`))),
  );
  return folder;
}

/** Simulated parts as raw RGB frames, sharp and noisy as a camera delivers them. Blown-up photographs would be blurred. */
export function rawFrames(count: number, widthPx: number, heightPx: number): Image[] {
  return Array.from({ length: count }, (_, index) => {
    const { image } = renderPart({ ...DEFAULT_LINE, widthPx, heightPx }, index);
    const pixels = new Uint8Array(widthPx * heightPx * 3);
    image.pixels.forEach((grey, at) => pixels.fill(grey, 3 * at, 3 * at + 3));
    return { pixels, widthPx, heightPx, channels: 3 };
  });
}

/** The first `count` frames of a source. */
export function firstOf(source: FrameSource, count: number): FrameSource {
  async function* exposures(signal: AbortSignal): AsyncGenerator<Exposure, void, void> {
    let taken = 0;
    for await (const exposure of source.exposures(signal)) {
      yield exposure;
      if (++taken === count) return;
    }
  }
  return { name: source.name, live: source.live, exposures };
}

/** The same frames again and again from memory: a camera that costs nothing. */
export function memorySource(images: readonly Image[], count: number, clock: Clock): FrameSource {
  async function* exposures(signal: AbortSignal): AsyncGenerator<Exposure, void, void> {
    for (let at = 0; at < count && !signal.aborted; at++) {
      const image = images[at % images.length];
      if (image === undefined) return;
      yield { kind: "frame", image, capturedAt: clock.wallNow(), capturedTick: clock.tick(), metadata: {} };
    }
  }
  return { name: "memory", live: false, exposures };
}

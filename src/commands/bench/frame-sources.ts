import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import { decodeImage } from "../../imaging/decode-image.ts";
import { resampleToRgb } from "../../imaging/resample.ts";
import type { Exposure, FrameSource } from "../../pipeline/capture/frame-source.ts";
import type { Image } from "../../pipeline/frame.ts";
import type { Clock } from "../../platform/clock.ts";

/** All photographs below a folder, masks left out. */
export function listPhotographs(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.jpe?g$/i.test(file))
    .sort()
    .map((file) => join(folder, file));
  if (files.length === 0) throw new SightlineError("USAGE", `${folder} holds no JPEG files; give another --data`);
  return files;
}

/** Photographs blown up to raw RGB frames of the wanted size, as a camera would deliver them. */
export async function rawFrames(files: readonly string[], widthPx: number, heightPx: number): Promise<Image[]> {
  return Promise.all(
    files.map(async (file) => {
      const decoded = await decodeImage(await readFile(file));
      if (!decoded.ok) throw new SightlineError("DATA_INVALID", `${file}: ${decoded.detail}`);
      const { image } = decoded;
      const pixels = new Uint8Array(widthPx * heightPx * 3);
      const whole = { xPx: 0, yPx: 0, widthPx: image.widthPx, heightPx: image.heightPx };
      resampleToRgb(image, whole, { widthPx, heightPx }, pixels, 0);
      return { pixels, widthPx, heightPx, channels: 3 };
    }),
  );
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

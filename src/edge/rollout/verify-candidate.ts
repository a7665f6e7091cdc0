import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { decodeImage } from "../../imaging/decode-image.ts";
import type { Image } from "../../imaging/image.ts";
import type { InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Recipe } from "../recipe.ts";
import { tooSlow, type Fault } from "./criteria.ts";
import { RecentLatencies } from "./evidence.ts";
import { judgeImage } from "./spare-time-judge.ts";

const RUNS = 50;
/** A slow model is found out in this time, ms. */
const LONGEST_MS = 20_000;
/** The process steps back for the line's: a busy moment of the box is not held against the model. */
const ROUNDS = 3;

/**
 * The candidate's latency on this box, from the image to the verdict, on its own golden frames; `engine` has loaded it
 * and so compared their scores. Null: nothing speaks against it. Throws what the engine throws.
 */
export async function verifyLatency(
  recipe: Recipe,
  at: {
    readonly engine: InferenceEngine;
    readonly clock: Clock;
    readonly limitMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Fault | null> {
  const images = await goldenImages(recipe);
  let bestMs = Infinity;
  for (let round = 0; round < ROUNDS && bestMs > at.limitMs; round++)
    bestMs = Math.min(bestMs, await p99Of(recipe, images, at));
  return bestMs <= at.limitMs ? null : { code: "latency", sentence: tooSlow(bestMs, at.limitMs) };
}

async function p99Of(
  recipe: Recipe,
  images: readonly Image[],
  { engine, clock, signal }: { engine: InferenceEngine; clock: Clock; signal: AbortSignal },
): Promise<number> {
  const latencies = new RecentLatencies(RUNS);
  const startedTick = clock.tick();
  for (let run = 0; run < RUNS && clock.tick() - startedTick < LONGEST_MS; run++) {
    signal.throwIfAborted();
    const image = images[run % images.length];
    if (image === undefined) break;
    const beganTick = clock.tick();
    await judgeImage(image, { engine, recipe });
    latencies.add(clock.tick() - beganTick);
  }
  return latencies.p99(1) ?? 0;
}

async function goldenImages({ bundle }: Recipe): Promise<Image[]> {
  const images: Image[] = [];
  for (const { file } of bundle.manifest.golden) {
    const decoded = await decodeImage(await readFile(join(bundle.directoryPath, file)));
    if (decoded.ok) images.push(decoded.image);
  }
  return images;
}

/** Code and sentence of what was thrown while a candidate was opened or loaded. */
export const loadFault = (error: unknown): Fault => ({
  code: error instanceof SightlineError ? error.code.toLowerCase().replaceAll("_", "-") : "load-failed",
  sentence: `It cannot be loaded: ${messageOf(error)}.`,
});

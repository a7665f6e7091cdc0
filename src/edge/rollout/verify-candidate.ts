import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { decodeImage } from "../../imaging/decode-image.ts";
import type { Image } from "../../imaging/image.ts";
import type { InferenceEngine } from "../../pipeline/infer/inference-engine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Recipe } from "../recipe.ts";
import { tooSlow, type Fault } from "./criteria.ts";
import { judgeImage } from "./spare-time-judge.ts";

const RUNS = 50;
/** The process steps back for the line's: a busy moment of the box is not held against the model. */
const ROUNDS = 3;

export interface LatencyCheck {
  /** Has loaded the candidate, and so compared its golden frames' scores. */
  readonly engine: InferenceEngine;
  readonly clock: Clock;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * The candidate's latency on this box, from the image to the verdict, on its own golden frames. Of 50 runs each must keep
 * the limit, in one of three rounds. Null: nothing speaks against it. Throws what the engine throws.
 */
export async function verifyLatency(recipe: Recipe, check: LatencyCheck): Promise<Fault | null> {
  const images = await goldenImages(recipe);
  let slowestMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    slowestMs = await slowestOf(recipe, images, check);
    if (slowestMs <= check.limitMs) return null;
  }
  return { code: "latency", sentence: tooSlow(slowestMs, check.limitMs) };
}

/** Of one round, which ends with the first run over the limit. */
async function slowestOf(recipe: Recipe, images: readonly Image[], check: LatencyCheck): Promise<number> {
  const { engine, clock, limitMs, signal } = check;
  let slowestMs = 0;
  for (let run = 0; run < RUNS && slowestMs <= limitMs; run++) {
    signal.throwIfAborted();
    const image = images[run % images.length];
    if (image === undefined) break;
    const beganTick = clock.tick();
    await judgeImage(image, { engine, recipe });
    slowestMs = Math.max(slowestMs, clock.tick() - beganTick);
  }
  return slowestMs;
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

import { readFile } from "node:fs/promises";
import { SightlineError } from "../contracts/errors.ts";
import type { RegionPlan } from "../contracts/model-bundle.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import { planRegions, preprocess } from "../pipeline/preprocess/preprocess.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import type { CalibrationFrames } from "./calibrate-activations.ts";
import type { InputSizePx } from "./model-pixels.ts";
import type { Sample } from "./learning-set.ts";
import { takeEvenly } from "./take-evenly.ts";

export interface CalibrationChoice {
  readonly size: InputSizePx;
  readonly regions: RegionPlan;
  /** Inputs wanted; fewer come where the data holds fewer. */
  readonly count: number;
  readonly seed: number;
}

/**
 * Inputs to calibrate on, as the device cuts and scales them: images of every data folder and class in turn, and as
 * many regions of each as it takes. Unreadable files are passed over (whoever judges the set lists them). Throws
 * SightlineError DATA_INVALID when nothing can be read.
 */
export async function readCalibrationFrames(
  samples: readonly Sample[],
  { size, regions, count, seed }: CalibrationChoice,
): Promise<CalibrationFrames> {
  const random = seededRandom(seed);
  const perImage = Math.max(1, Math.ceil(count / samples.length));
  const pixels: Uint8Array[] = [];
  for (const { image } of takeEvenly(samples, samples.length, ({ source, label }) => `${source} ${label}`, seed)) {
    if (pixels.length >= count) break;
    const bytes = await readFile(image.path).catch(() => undefined);
    const decoded = bytes === undefined ? undefined : await decodeImage(bytes);
    if (decoded?.ok !== true) continue;
    const rects = shuffle(planRegions(decoded.image, regions), random);
    for (const rect of rects.slice(0, Math.min(perImage, count - pixels.length))) {
      pixels.push(preprocess(decoded.image, [rect], size));
    }
  }
  if (pixels.length === 0) {
    throw new SightlineError("DATA_INVALID", "none of the images can be read; there is nothing to calibrate int8 on");
  }
  return { ...size, pixels };
}

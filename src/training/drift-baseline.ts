import { readFile } from "node:fs/promises";
import { DriftReference } from "../contracts/drift-reference.ts";
import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { driftReference, LEAST_REFERENCE_FRAMES, PROJECTION_SEED } from "../drift/drift-reference.ts";
import type { DriftObservation } from "../drift/observation.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import { frameStatistics } from "../imaging/frame-statistics.ts";
import { preprocess } from "../pipeline/preprocess/preprocess.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import type { Sample } from "./learning-set.ts";
import type { InputSizePx } from "./model-pixels.ts";
import type { OnnxProcess } from "./onnx-process.ts";

/** More make the figures no better and training longer. */
const MOST_FRAMES = 400;
/** Single numbers of a manifest are read by people, and float32 has no more. */
const DIGITS = 6;

/**
 * What the frames of a data set look like to the model that `runtime` has loaded: what devices measure novelty by, and
 * compare their line with. Scores are those of models that had not seen the frame; embeddings are the final model's.
 * Null where fewer frames than a reference needs were held out.
 */
export async function driftBaseline(
  heldOut: readonly JudgedFrame[],
  samples: readonly Sample[],
  { runtime, size, seed }: { readonly runtime: OnnxProcess; readonly size: InputSizePx; readonly seed: number },
): Promise<DriftReference | null> {
  const paths = new Map(samples.map(({ sha256, image }) => [sha256, image.path]));
  // Out of their order in the folders: frames of one class after the other are nothing a line shows.
  const frames = shuffle([...heldOut], seededRandom(seed)).slice(0, MOST_FRAMES);
  const observations: DriftObservation[] = [];
  for (const frame of frames) {
    const path = paths.get(frame.sha256);
    const observation = path === undefined ? null : await observe(frame, path, { runtime, size });
    if (observation !== null) observations.push(observation);
  }
  return observations.length < LEAST_REFERENCE_FRAMES ? null : shortened(driftReference(observations, PROJECTION_SEED));
}

/** Null for a file that has gone since it was judged. */
async function observe(
  { ngScore, probabilities, regions }: JudgedFrame,
  path: string,
  { runtime, size }: { readonly runtime: OnnxProcess; readonly size: InputSizePx },
): Promise<DriftObservation | null> {
  const worst = regions.find((region) => region.probabilities === probabilities);
  const bytes = await readFile(path).catch(() => null);
  const decoded = bytes === null ? null : await decodeImage(bytes);
  if (worst === undefined || decoded?.ok !== true) return null;
  const { image } = decoded;
  const data = preprocess(image, [worst.rect], size);
  const dims = [1, size.heightPx, size.widthPx, 3];
  const [embedding] = await runtime.run([{ name: MODEL_INPUT, type: "uint8", data, dims }], ["embedding"]);
  const { meanLuminance: brightness, darkShare, brightShare, sharpness } = frameStatistics(image, { thumbnail: false });
  const plain = { brightness, darkShare, brightShare, sharpness, ngScore, confidence: Math.max(...probabilities) };
  return { ...plain, embedding: embedding === undefined || embedding.length === 0 ? null : embedding };
}

const shortened = (reference: DriftReference): DriftReference =>
  DriftReference.parse(
    JSON.parse(
      JSON.stringify(reference, (_, value: unknown) =>
        typeof value === "number" ? Number(value.toPrecision(DIGITS)) : value,
      ),
    ),
  );

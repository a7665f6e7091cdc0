import { z } from "zod";
import { PLAIN_STREAMS, type DriftObservation } from "./observation.ts";
import { normalScore, quantileTable } from "./normal-scores.ts";
import { project, projectionMatrix, whiten, whiteningOf } from "./projection.ts";

/**
 * How frames look while all is well: of each stream the quantiles, and how much means of a batch scatter beyond what
 * independent frames would (parts come in lots, lamps flicker). JSON, so that a bundle or a disk can hold it.
 */
export const DriftReference = z.strictObject({
  frames: z.int().positive(),
  projectionSeed: z.int(),
  embeddingSize: z.int().min(0).describe("0: the model gave no embeddings"),
  whitening: z.strictObject({ mean: z.array(z.number()), factor: z.array(z.number()) }).nullable(),
  streams: z.record(z.string(), z.strictObject({ quantiles: z.array(z.number()), batchSpread: z.number().positive() })),
});
export type DriftReference = z.infer<typeof DriftReference>;

/** Frames whose scores are averaged before they are summed up: evens out what repeats from part to part. */
export const BATCH_FRAMES = 8;
/** Fewer frames make quantiles that alarm by themselves. */
export const LEAST_REFERENCE_FRAMES = 100;

export const DISTANCE_STREAM = "embedding distance";
export const directionStream = (index: number): string => `embedding direction ${index + 1}`;

/** Values of a frame's streams, by name. */
export function streamValues(
  observation: DriftObservation,
  reference: Pick<DriftReference, "whitening" | "embeddingSize">,
  matrix: Float32Array,
): Map<string, number> {
  const values = new Map<string, number>(PLAIN_STREAMS.map((name) => [name, observation[name]]));
  const { embedding } = observation;
  if (reference.whitening === null || embedding === null || embedding.length !== reference.embeddingSize) return values;
  const coordinates = whiten(reference.whitening, project(matrix, embedding));
  coordinates.forEach((value, index) => values.set(directionStream(index), value));
  values.set(
    DISTANCE_STREAM,
    coordinates.reduce((sum, value) => sum + value * value, 0),
  );
  return values;
}

/** Throws RangeError for fewer than LEAST_REFERENCE_FRAMES observations, which must be in the order of capture. */
export function driftReference(observations: readonly DriftObservation[], projectionSeed: number): DriftReference {
  if (observations.length < LEAST_REFERENCE_FRAMES) {
    throw new RangeError(`a drift reference needs ${LEAST_REFERENCE_FRAMES} frames, there are ${observations.length}`);
  }
  const embeddings = observations.flatMap(({ embedding }) => embedding ?? []);
  const embeddingSize = embeddings.length === observations.length ? (embeddings[0]?.length ?? 0) : 0;
  const matrix = projectionMatrix(embeddingSize, projectionSeed);
  const whitening = embeddingSize === 0 ? null : whiteningOf(embeddings.map((embedding) => project(matrix, embedding)));
  const base = { embeddingSize, whitening };
  const rows = observations.map((observation) => streamValues(observation, base, matrix));
  const names = [...(rows[0]?.keys() ?? [])];
  const streams = Object.fromEntries(
    names.map((name) => {
      const values = rows.map((row) => row.get(name) ?? 0);
      const quantiles = quantileTable(values);
      return [name, { quantiles, batchSpread: batchSpread(values, quantiles) }];
    }),
  );
  return { frames: observations.length, projectionSeed, ...base, streams };
}

/** Standard deviation of a batch's summed scores over its root: 1 for independent frames, more where neighbours agree. */
function batchSpread(values: readonly number[], quantiles: readonly number[]): number {
  const scores = values.map((value) => normalScore(quantiles, value));
  const batches = Math.floor(scores.length / BATCH_FRAMES);
  const sums = Array.from({ length: batches }, (_, batch) => {
    const own = scores.slice(batch * BATCH_FRAMES, (batch + 1) * BATCH_FRAMES);
    return own.reduce((sum, score) => sum + score, 0) / Math.sqrt(BATCH_FRAMES);
  });
  const meanSquare = sums.reduce((sum, value) => sum + value * value, 0) / batches;
  return Math.max(1, Math.sqrt(meanSquare));
}

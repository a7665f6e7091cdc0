import type { DriftReference } from "../contracts/drift-reference.ts";
import { PLAIN_STREAMS, type DriftObservation } from "./observation.ts";
import { normalScore, quantileTable } from "./normal-scores.ts";
import { project, projectionMatrix, whiten, whiteningOf } from "./projection.ts";

/** Frames whose scores are averaged before they are summed up: evens out what repeats from part to part. */
export const BATCH_FRAMES = 8;
/** Fewer frames make quantiles that alarm by themselves. */
export const LEAST_REFERENCE_FRAMES = 100;
/** Devices and bundles project alike, so that a line can be compared with the frames its model was tested on. */
export const PROJECTION_SEED = 1;

export const DISTANCE_STREAM = "embedding distance";
export const directionStream = (index: number): string => `embedding direction ${index + 1}`;

/** An observation with its embedding projected: 18 numbers, small enough to keep by the hundred. */
export interface ProjectedObservation extends Omit<DriftObservation, "embedding"> {
  /** [PROJECTED_DIMENSIONS]; null where the model gave no embedding. */
  readonly projected: readonly number[] | null;
}

/** Without its embedding; `matrix` is of its size. */
export const projectObservation = (observation: DriftObservation, matrix: Float32Array): ProjectedObservation => {
  const { embedding, ...plain } = observation;
  return { ...plain, projected: embedding === null ? null : [...project(matrix, embedding)] };
};

/** Values of a frame's streams, by name. */
export function streamValues(
  observation: ProjectedObservation,
  whitening: DriftReference["whitening"],
): Map<string, number> {
  const values = new Map<string, number>(PLAIN_STREAMS.map((name) => [name, observation[name]]));
  const { projected } = observation;
  if (whitening === null || projected === null) return values;
  const coordinates = whiten(whitening, projected);
  coordinates.forEach((value, index) => values.set(directionStream(index), value));
  values.set(DISTANCE_STREAM, squaredLength(coordinates));
  return values;
}

export const squaredLength = (coordinates: Float64Array): number =>
  coordinates.reduce((sum, value) => sum + value * value, 0);

/** Throws RangeError for fewer than LEAST_REFERENCE_FRAMES observations, which must be in the order of capture. */
export function driftReference(observations: readonly DriftObservation[], projectionSeed: number): DriftReference {
  const size = observations[0]?.embedding?.length ?? 0;
  const isWhole = size > 0 && observations.every(({ embedding }) => embedding?.length === size);
  const matrix = projectionMatrix(isWhole ? size : 0, projectionSeed);
  const projected = observations.map((observation) =>
    projectObservation(isWhole ? observation : { ...observation, embedding: null }, matrix),
  );
  return referenceOf(projected, { projectionSeed, embeddingSize: isWhole ? size : 0 });
}

/** The same from projected observations; the embeddings count where every frame has one. */
export function referenceOf(
  rows: readonly ProjectedObservation[],
  projection: Pick<DriftReference, "projectionSeed" | "embeddingSize">,
): DriftReference {
  if (rows.length < LEAST_REFERENCE_FRAMES) {
    throw new RangeError(`a drift reference needs ${LEAST_REFERENCE_FRAMES} frames, there are ${rows.length}`);
  }
  const points = rows.flatMap(({ projected }) => (projected === null ? [] : [Float64Array.from(projected)]));
  const whitening = points.length === rows.length ? whiteningOf(points) : null;
  const values = rows.map((row) => streamValues(row, whitening));
  const streams = Object.fromEntries(
    [...(values[0]?.keys() ?? [])].map((name) => {
      const ofStream = values.map((row) => row.get(name) ?? 0);
      const quantiles = quantileTable(ofStream);
      return [name, { quantiles, batchSpread: batchSpread(ofStream, quantiles) }];
    }),
  );
  const embeddingSize = whitening === null ? 0 : projection.embeddingSize;
  return { frames: rows.length, projectionSeed: projection.projectionSeed, embeddingSize, whitening, streams };
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

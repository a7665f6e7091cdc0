import { seededRandom } from "../../platform/random.ts";

/** Dimensions of a sketch: 64 bytes a case in memory, one cache line. */
export const SKETCH_DIMENSIONS = 64;
const SEED = 64_364;

const projections = new Map<number, Float32Array>();

/**
 * An embedding of any length in 64 dimensions: made a unit vector, then projected by a Gaussian matrix that is the same on
 * every machine, so that distances stay, within about 1/sqrt(64), what they were (Johnson and Lindenstrauss 1984). Squared
 * distances of sketches estimate 2 - 2 cosine.
 */
export function sketchOf(embedding: Float32Array): Float32Array {
  const matrix = projectionFrom(embedding.length);
  const scale = 1 / (norm(embedding) || 1);
  const sketch = new Float32Array(SKETCH_DIMENSIONS);
  for (let row = 0; row < SKETCH_DIMENSIONS; row++) {
    const offset = row * embedding.length;
    let sum = 0;
    for (let at = 0; at < embedding.length; at++) sum += (matrix[offset + at] ?? 0) * (embedding[at] ?? 0);
    sketch[row] = sum * scale;
  }
  return sketch;
}

export function norm(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

/** Rows of `dimensions` values with variance 1/64. */
function projectionFrom(dimensions: number): Float32Array {
  const known = projections.get(dimensions);
  if (known !== undefined) return known;
  const random = seededRandom(SEED);
  const matrix = Float32Array.from({ length: SKETCH_DIMENSIONS * dimensions }, () => {
    const radius = Math.sqrt((-2 * Math.log(1 - random())) / SKETCH_DIMENSIONS);
    return radius * Math.cos(2 * Math.PI * random());
  });
  projections.set(dimensions, matrix);
  return matrix;
}

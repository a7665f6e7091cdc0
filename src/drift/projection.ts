import { seededRandom } from "../platform/random.ts";

/** Directions on which embeddings are watched. */
export const PROJECTED_DIMENSIONS = 12;

/** A fixed random projection (Johnson & Lindenstrauss 1984), [dimensions * embeddingSize], row after row. */
export function projectionMatrix(embeddingSize: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const scale = 1 / Math.sqrt(embeddingSize);
  return Float32Array.from({ length: PROJECTED_DIMENSIONS * embeddingSize }, () => normal() * scale);
}

/** Embedding [D] to [PROJECTED_DIMENSIONS]. */
export function project(matrix: Float32Array, embedding: Float32Array): Float64Array {
  const projected = new Float64Array(PROJECTED_DIMENSIONS);
  for (let row = 0, at = 0; row < PROJECTED_DIMENSIONS; row++) {
    let sum = 0;
    for (let place = 0; place < embedding.length; place++, at++) sum += (matrix[at] ?? 0) * (embedding[place] ?? 0);
    projected[row] = sum;
  }
  return projected;
}

/** Mean of a reference and the lower triangle of the Cholesky factor of its covariance, row after row. */
export interface Whitening {
  readonly mean: number[];
  readonly factor: number[];
}

/** Ridge on the diagonal, in shares of the mean variance: with few frames a direction may not vary at all. */
const RIDGE = 1e-3;
/** And in shares of the mean's length: what varies less than that is the rounding of a line without variety. */
const SMALLEST_VARIATION = 0.01;

export function whiteningOf(points: readonly Float64Array[]): Whitening {
  const size = PROJECTED_DIMENSIONS;
  const mean = Array.from(
    { length: size },
    (_, at) => points.reduce((sum, p) => sum + (p[at] ?? 0), 0) / points.length,
  );
  const covariance = Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (__, column) => {
      const products = points.reduce(
        (sum, p) => sum + ((p[row] ?? 0) - (mean[row] ?? 0)) * ((p[column] ?? 0) - (mean[column] ?? 0)),
        0,
      );
      return products / Math.max(1, points.length - 1);
    }),
  );
  const trace = covariance.reduce((sum, row, at) => sum + (row[at] ?? 0), 0);
  const meanSquare = mean.reduce((sum, value) => sum + value * value, 0) / size;
  const ridge = RIDGE * (trace / size) + SMALLEST_VARIATION ** 2 * meanSquare + Number.MIN_VALUE;
  const factor: number[] = [];
  const entry = (row: number, column: number): number => factor[(row * (row + 1)) / 2 + column] ?? 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = (covariance[row]?.[column] ?? 0) + (row === column ? ridge : 0);
      for (let at = 0; at < column; at++) rest -= entry(row, at) * entry(column, at);
      factor.push(row === column ? Math.sqrt(Math.max(rest, Number.MIN_VALUE)) : rest / entry(column, column));
    }
  }
  return { mean, factor };
}

/** Coordinates in which the reference has mean 0 and covariance 1; their squares sum to the Mahalanobis distance. */
export function whiten({ mean, factor }: Whitening, point: ArrayLike<number>): Float64Array {
  const whitened = new Float64Array(PROJECTED_DIMENSIONS);
  for (let row = 0; row < PROJECTED_DIMENSIONS; row++) {
    let rest = (point[row] ?? 0) - (mean[row] ?? 0);
    const start = (row * (row + 1)) / 2;
    for (let at = 0; at < row; at++) rest -= (factor[start + at] ?? 0) * (whitened[at] ?? 0);
    whitened[row] = rest / (factor[start + row] ?? 1);
  }
  return whitened;
}

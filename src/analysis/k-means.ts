import { seededRandom } from "../platform/random.ts";

export interface Clusters {
  /** [k]; of length 1, or 0 where the vector was 0. */
  readonly centres: readonly Float64Array[];
}

const RESTARTS = 4;
const MOST_ROUNDS = 30;

/** Of length 1, so that only the direction counts; a vector of zeros stays. */
export function normalised(vector: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(vector);
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? values : values.map((value) => value / length);
}

/**
 * Spherical k-means with k-means++ seeds (Arthur & Vassilvitskii 2007), the best of four starts; `vectors` normalised,
 * at least k of them. The same seed gives the same clusters.
 */
export function kMeans(vectors: readonly Float64Array[], k: number, seed: number): Clusters {
  const random = seededRandom(seed);
  let best: { readonly centres: readonly Float64Array[]; readonly distance: number } = {
    centres: [],
    distance: Infinity,
  };
  for (let start = 0; start < RESTARTS; start++) {
    const found = lloyd(vectors, spreadSeeds(vectors, k, random));
    if (found.distance < best.distance) best = found;
  }
  return { centres: best.centres };
}

/** Index of the nearest centre and the squared distance to it, 0 to 4. */
export function nearestCentre(
  vector: Float64Array,
  centres: readonly Float64Array[],
): { readonly centre: number; readonly distance: number } {
  let centre = 0;
  let distance = Infinity;
  centres.forEach((candidate, index) => {
    const away = squaredDistance(vector, candidate);
    if (away < distance) [centre, distance] = [index, away];
  });
  return { centre, distance };
}

function lloyd(vectors: readonly Float64Array[], start: readonly Float64Array[]) {
  let centres = start;
  let distance = Infinity;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const sums = centres.map((centre) => new Float64Array(centre.length));
    let total = 0;
    for (const vector of vectors) {
      const nearest = nearestCentre(vector, centres);
      total += nearest.distance;
      const sum = sums[nearest.centre];
      if (sum === undefined) continue;
      for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0);
    }
    // An empty cluster keeps its centre.
    const before = centres;
    centres = sums.map((sum, index) => (sum.every((value) => value === 0) ? (before[index] ?? sum) : normalised(sum)));
    if (total >= distance - 1e-9) break;
    distance = total;
  }
  return { centres, distance };
}

function spreadSeeds(vectors: readonly Float64Array[], k: number, random: () => number): Float64Array[] {
  const chosen = [vectors[Math.floor(random() * vectors.length)] ?? new Float64Array()];
  const distances = vectors.map((vector) => squaredDistance(vector, chosen[0] ?? vector));
  while (chosen.length < k) {
    let left = random() * distances.reduce((sum, distance) => sum + distance, 0);
    let pick = distances.findIndex((distance) => (left -= distance) < 0);
    if (pick === -1) pick = Math.floor(random() * vectors.length);
    const seed = vectors[pick] ?? new Float64Array();
    chosen.push(seed);
    vectors.forEach((vector, index) => {
      distances[index] = Math.min(distances[index] ?? 0, squaredDistance(vector, seed));
    });
  }
  return chosen;
}

export function squaredDistance(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += ((one[at] ?? 0) - (other[at] ?? 0)) ** 2;
  return sum;
}

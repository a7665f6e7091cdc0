import { normalised, squaredDistance } from "./k-means.ts";

/** A frame that could be labelled, as a policy sees it. */
export interface Candidate {
  /** Of length 1, see normalised(). */
  readonly vector: Float64Array;
  /** Probabilities of the classes by the model so far; null while there is none. */
  readonly probabilities: ArrayLike<number> | null;
}

export const candidateOf = (embedding: ArrayLike<number>, probabilities: ArrayLike<number> | null): Candidate => ({
  vector: normalised(embedding),
  probabilities,
});

/** Neighbours over which it is judged how typical a frame is. */
const NEIGHBOURS = 10;
/** Uncertain frames among which the most different ones are taken, in batches. */
const POOL_OF_BATCHES = 4;
/** Labels a class, on average, up to which typical frames teach more than uncertain ones. */
const COLD_LABELS_A_CLASS = 4;

/** What a policy knows besides the candidates. */
export interface PolicyState {
  /** Vectors of what has been labelled or sent, of length 1. */
  readonly labelled: readonly Float64Array[];
  readonly classCount: number;
}

/**
 * Positions of `count` of the candidates, worth labelling most: while there are few labels typical frames, each far from
 * the others (TypiClust, Hacohen et al. 2022), then those with the smallest margin between the two likeliest classes,
 * each far from the others and from what is labelled ("TCM", Doucet et al. 2024). Pure; ties go to the earlier candidate.
 */
export function chooseBatch(candidates: readonly Candidate[], count: number, state: PolicyState): number[] {
  const isCold = state.labelled.length < COLD_LABELS_A_CLASS * state.classCount;
  const worth = candidates.map((candidate) =>
    isCold || candidate.probabilities === null ? typicality(candidate, candidates) : -margin(candidate.probabilities),
  );
  const order = [...candidates.keys()].sort((one, other) => (worth[other] ?? 0) - (worth[one] ?? 0));
  const pool = order.slice(0, Math.min(order.length, count * POOL_OF_BATCHES));
  return spreadOut(pool, candidates, count, state.labelled);
}

/** Difference of the two highest probabilities, 0 (undecided) to 1. */
export function margin(probabilities: ArrayLike<number>): number {
  let first = 0;
  let second = 0;
  for (let at = 0; at < probabilities.length; at++) {
    const value = probabilities[at] ?? 0;
    if (value > first) [first, second] = [value, first];
    else if (value > second) second = value;
  }
  return first - second;
}

/** Inverse of the mean distance to the nearest candidates. */
function typicality(candidate: Candidate, candidates: readonly Candidate[]): number {
  const distances = candidates
    .map(({ vector }) => Math.sqrt(squaredDistance(candidate.vector, vector)))
    .sort((a, b) => a - b)
    .slice(1, NEIGHBOURS + 1);
  return distances.length === 0 ? 0 : distances.length / (distances.reduce((sum, value) => sum + value, 0) + 1e-9);
}

/** The first of the pool, then again and again the one furthest from all that is chosen or labelled. */
function spreadOut(
  pool: readonly number[],
  candidates: readonly Candidate[],
  count: number,
  labelled: readonly Float64Array[],
): number[] {
  const nearest = new Map(
    pool.map((index) => {
      const vector = candidates[index]?.vector ?? new Float64Array();
      return [index, labelled.reduce((least, other) => Math.min(least, squaredDistance(vector, other)), Infinity)];
    }),
  );
  const chosen: number[] = [];
  while (chosen.length < count && nearest.size > 0) {
    let best = -1;
    let furthest = -1;
    for (const [index, distance] of nearest) {
      if (distance > furthest) [best, furthest] = [index, distance];
    }
    chosen.push(best);
    nearest.delete(best);
    const vector = candidates[best]?.vector ?? new Float64Array();
    for (const [index, distance] of nearest) {
      const away = squaredDistance(vector, candidates[index]?.vector ?? vector);
      if (away < distance) nearest.set(index, away);
    }
  }
  return chosen;
}

const MOST_KEPT = 512;

/** The sketches of the frames chosen last, to tell whether another shows the same. */
export class SentSketches {
  readonly #kept: Float64Array[] = [];
  #next = 0;

  add(sketch: Float64Array): void {
    this.#kept[this.#next] = sketch;
    this.#next = (this.#next + 1) % MOST_KEPT;
  }

  /** Whether one lies within `distance` (Euclidean, standard deviations of the reference); 0: none is near. */
  isNear(sketch: Float64Array, distance: number): boolean {
    const limit = distance * distance;
    return limit > 0 && this.#kept.some((kept) => isWithin(kept, sketch, limit));
  }
}

function isWithin(left: Float64Array, right: Float64Array, limit: number): boolean {
  if (left.length !== right.length) return false;
  let sum = 0;
  for (let at = 0; at < left.length && sum < limit; at++) sum += ((left[at] ?? 0) - (right[at] ?? 0)) ** 2;
  return sum < limit;
}

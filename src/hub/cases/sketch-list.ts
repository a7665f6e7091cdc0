import { SKETCH_DIMENSIONS } from "./sketch.ts";
import { SketchMemory } from "./sketch-memory.ts";

/** Sketches that the mean and the scale are taken from; until there are so many they are taken anew as the list doubles. */
const FITTED_ON = 4096;
/** Standard deviations that an int8 reaches; the few values beyond are cut off. */
const REACH = 4;

/** Sketches that may be compared with one another, as int8: what they have in common is taken off first. */
export class SketchList {
  readonly #memory = new SketchMemory();
  readonly #rows: number[] = [];
  readonly #early: Float32Array[] = [];
  readonly #packed = new Int8Array(SKETCH_DIMENSIONS);
  #mean = new Float32Array(SKETCH_DIMENSIONS);
  #scale = 1;
  #nextFit = 1;

  get count(): number {
    return this.#rows.length;
  }

  add(row: number, sketch: Float32Array): void {
    this.#rows.push(row);
    this.#memory.add(this.#pack(sketch));
    if (this.#rows.length > FITTED_ON) return;
    this.#early.push(sketch);
    if (this.#rows.length < this.#nextFit) return;
    this.#nextFit *= 2;
    this.#fit();
    for (const [index, early] of this.#early.entries()) this.#memory.set(index, this.#pack(early));
    if (this.#rows.length === FITTED_ON) this.#early.length = 0;
  }

  /** Rows of the `count` sketches nearest to `sketch`, in no order. */
  nearest(sketch: Float32Array, count: number): number[] {
    const distances = this.#memory.distancesFrom(this.#pack(sketch));
    const limit = limitOf(distances, count);
    const rows: number[] = [];
    for (let index = 0; index < distances.length; index++) {
      if ((distances[index] ?? 0) <= limit) rows.push(this.#rows[index] ?? 0);
    }
    return rows;
  }

  #fit(): void {
    const count = this.#early.length;
    this.#mean = new Float32Array(SKETCH_DIMENSIONS);
    for (const sketch of this.#early) {
      for (let at = 0; at < SKETCH_DIMENSIONS; at++) this.#mean[at] = (this.#mean[at] ?? 0) + (sketch[at] ?? 0) / count;
    }
    let squares = 0;
    for (const sketch of this.#early) {
      for (let at = 0; at < SKETCH_DIMENSIONS; at++) squares += ((sketch[at] ?? 0) - (this.#mean[at] ?? 0)) ** 2;
    }
    const deviation = Math.sqrt(squares / (count * SKETCH_DIMENSIONS));
    this.#scale = deviation > 0 ? 127 / (REACH * deviation) : 127;
  }

  #pack(sketch: Float32Array): Int8Array {
    for (let at = 0; at < SKETCH_DIMENSIONS; at++) {
      const value = ((sketch[at] ?? 0) - (this.#mean[at] ?? 0)) * this.#scale;
      this.#packed[at] = Math.max(-127, Math.min(127, Math.round(value)));
    }
    return this.#packed;
  }
}

const BUCKET_BITS = 8;
const BUCKETS = (SKETCH_DIMENSIONS * 254 * 254) >> BUCKET_BITS;

/** A distance that at least `count` are within, and not many more: found with a histogram, in one pass. */
function limitOf(distances: Int32Array, count: number): number {
  const histogram = new Int32Array(BUCKETS + 1);
  for (let index = 0; index < distances.length; index++) {
    const bucket = (distances[index] ?? 0) >> BUCKET_BITS;
    histogram[bucket] = (histogram[bucket] ?? 0) + 1;
  }
  let within = 0;
  for (let bucket = 0; bucket <= BUCKETS; bucket++) {
    within += histogram[bucket] ?? 0;
    if (within >= count) return ((bucket + 1) << BUCKET_BITS) - 1;
  }
  return Number.MAX_SAFE_INTEGER;
}

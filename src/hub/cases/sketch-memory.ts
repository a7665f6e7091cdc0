import { readFileSync } from "node:fs";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { SKETCH_DIMENSIONS } from "./sketch.ts";

/** What build/similarity.wasm exports; see kernel/index.ts. Pointers are byte addresses in `memory`. */
interface SimilarityExports {
  readonly memory: WebAssembly.Memory;
  heapStart(): number;
  squaredDistances(vectors: number, count: number, query: number, distances: number): void;
}

const PAGE_BYTES = 65_536;
const ALIGNMENT_BYTES = 64;
const FIRST_CAPACITY = 1024;

/** Packed int8 vectors of 64 dimensions in a kernel's memory, which grows as they are added. */
export class SketchMemory {
  readonly #exports: SimilarityExports;
  readonly #start: number;
  /** The vectors' place in the memory; another view after it has grown. */
  #vectors = new Int8Array();
  #capacity = 0;
  #count = 0;

  /** Throws SightlineError KERNEL_MISSING when the kernel has not been built. */
  constructor() {
    this.#exports = load();
    this.#start = Math.ceil(this.#exports.heapStart() / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }

  get count(): number {
    return this.#count;
  }

  add(vector: Int8Array): void {
    if (this.#count === this.#capacity) this.#grow(Math.max(FIRST_CAPACITY, this.#capacity * 2));
    this.set(this.#count++, vector);
  }

  set(index: number, vector: Int8Array): void {
    this.#vectors.set(vector, index * SKETCH_DIMENSIONS);
  }

  /** Squared distances from `query`, one a vector in the order they were added; valid until the next call. */
  distancesFrom(query: Int8Array): Int32Array {
    if (this.#count === 0) return new Int32Array();
    const { memory, squaredDistances } = this.#exports;
    new Int8Array(memory.buffer, this.#start, SKETCH_DIMENSIONS).set(query);
    const distances = this.#vectorsAt + this.#capacity * SKETCH_DIMENSIONS;
    squaredDistances(this.#vectorsAt, this.#count, this.#start, distances);
    return new Int32Array(memory.buffer, distances, this.#count);
  }

  /** After the query. */
  get #vectorsAt(): number {
    return this.#start + SKETCH_DIMENSIONS;
  }

  /** Distances lie behind the vectors and are written anew by every search: only vectors keep their place. */
  #grow(capacity: number): void {
    const { memory } = this.#exports;
    const end = this.#vectorsAt + capacity * (SKETCH_DIMENSIONS + Int32Array.BYTES_PER_ELEMENT);
    const missingBytes = end - memory.buffer.byteLength;
    if (missingBytes > 0) memory.grow(Math.ceil(missingBytes / PAGE_BYTES));
    this.#capacity = capacity;
    this.#vectors = new Int8Array(memory.buffer, this.#vectorsAt, capacity * SKETCH_DIMENSIONS);
  }
}

function load(): SimilarityExports {
  // The same three levels up from src/hub/cases and from dist/hub/cases.
  const url = new URL("../../../build/similarity.wasm", import.meta.url);
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(url)), {
      env: { abort: () => undefined },
    });
    // What kernel/index.ts exports; scripts/build-kernel.mjs made the file from it.
    return exports as unknown as SimilarityExports;
  } catch (error) {
    const detail = `${url.pathname} (${messageOf(error)}); build it with \`node scripts/build-kernel.mjs\``;
    throw new SightlineError("KERNEL_MISSING", detail, { cause: error });
  }
}

import { readFileSync } from "node:fs";
import { SightlineError, messageOf } from "../contracts/errors.ts";

/** What build/kernel.wasm exports; see kernel/index.ts. Pointers are byte addresses in `memory`. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  heapStart(): number;
  resampleRows(job: number): void;
  averageRows(job: number): void;
  warpPixels(job: number): void;
  blurPixels(job: number): void;
  tonePixels(job: number): void;
  greyToRgb(source: number, count: number, output: number): void;
  averageCells(source: number, width: number, height: number, columns: number, rows: number, output: number): void;
  reset(): void;
  addRows(
    upper: number,
    middle: number,
    lower: number,
    width: number,
    channels: number,
    luma: number,
    cells: number,
  ): void;
  lumaSum(): number;
  darkCount(): number;
  brightCount(): number;
  laplacianSum(): number;
  laplacianSquares(): number;
  contentHash(): bigint;
}

export interface Kernel extends KernelExports {
  /** Views of the same memory; valid until the next `layOut`. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly shorts: Int16Array;
  readonly floats: Float32Array;
}

export interface Layout<Sizes extends readonly number[]> {
  readonly kernel: Kernel;
  /** Address of every block, in the order of the sizes. */
  readonly at: { readonly [Index in keyof Sizes]: number };
}

const PAGE_BYTES = 65_536;
const ALIGNMENT_BYTES = 64;
/** The kernel loads up to 16 bytes, or seven zero-weighted RGB taps of 16 bits, past the end of a block. */
const GUARD_BYTES = 128;

let loaded: { exports: KernelExports; views: Kernel } | undefined;

/**
 * The kernel with room for blocks of the given sizes, and their addresses. Every thread has one kernel and callers run
 * to their end, so blocks of an earlier call may be overwritten. Throws SightlineError KERNEL_MISSING when the kernel
 * has not been built.
 */
export function layOut<Sizes extends readonly number[]>(blockBytes: Sizes): Layout<Sizes> {
  const { exports, views } = (loaded ??= load());
  let end = exports.heapStart();
  const at = blockBytes.map((bytes) => {
    const start = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    end = start + bytes + GUARD_BYTES;
    return start;
  }) as Layout<Sizes>["at"]; // map keeps the length
  const missingBytes = end - views.bytes.length;
  if (missingBytes <= 0) return { kernel: views, at };
  exports.memory.grow(Math.ceil(missingBytes / PAGE_BYTES));
  loaded = { exports, views: viewsOf(exports) };
  return { kernel: loaded.views, at };
}

function load(): { exports: KernelExports; views: Kernel } {
  // The same two levels up from src/imaging and from dist/imaging.
  const url = new URL("../../build/kernel.wasm", import.meta.url);
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(url)), {
      env: { abort: () => undefined },
    });
    // What kernel/index.ts exports; scripts/build-kernel.mjs made the file from it.
    const exports = instance.exports as unknown as KernelExports;
    return { exports, views: viewsOf(exports) };
  } catch (error) {
    const detail = `${url.pathname} (${messageOf(error)}); build it with \`node scripts/build-kernel.mjs\``;
    throw new SightlineError("KERNEL_MISSING", detail, { cause: error });
  }
}

function viewsOf(exports: KernelExports): Kernel {
  const { buffer } = exports.memory;
  return {
    ...exports,
    bytes: new Uint8Array(buffer),
    words: new Int32Array(buffer),
    shorts: new Int16Array(buffer),
    floats: new Float32Array(buffer),
  };
}

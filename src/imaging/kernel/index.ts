// AssemblyScript, compiled to WebAssembly with 128-bit SIMD by scripts/build-kernel.mjs; tsc never sees this folder.
// The caller (../kernel-memory.ts) lays out memory; nothing is allocated in here. All arithmetic is on integers, so
// every machine gets the same bytes. Loads run up to 16 bytes, or zero-weighted taps, beyond what they use: callers
// leave that room after every block.
export { resampleRows } from "./resample-rows";
export {
  addRows, lumaSum, darkCount, brightCount, laplacianSum, laplacianSquares, contentHash, reset,
} from "./frame-rows";

/** First byte the caller may use. */
export function heapStart(): usize {
  return __heap_base;
}

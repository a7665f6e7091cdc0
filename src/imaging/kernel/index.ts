// AssemblyScript, compiled to WebAssembly with 128-bit SIMD by scripts/build-kernel.mjs; tsc never sees this folder.
// The caller (../kernel-memory.ts) lays out memory; nothing is allocated in here. Arithmetic is on integers, or
// IEEE 754 operations of which WebAssembly fixes every bit, so every machine gets the same bytes. Loads and stores run up
// to 16 bytes, or zero-weighted taps, beyond what they use: callers leave that room after every block.
export { averageRows } from "./average-rows";
export { blurPixels } from "./blur-pixels";
export { greyToRgb, tonePixels } from "./tone-pixels";
export { averageCells, warpPixels } from "./warp-pixels";
export { resampleRows } from "./resample-rows";
export {
  addRows, lumaSum, darkCount, brightCount, laplacianSum, laplacianSquares, contentHash, reset,
} from "./frame-rows";

/** First byte the caller may use. */
export function heapStart(): usize {
  return __heap_base;
}

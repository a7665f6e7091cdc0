import { readFileSync } from "node:fs";
import { messageOf, SightlineError } from "../../contracts/errors.ts";

/** What build/optimizer.wasm exports; see training/kernel/index.ts. Pointers are byte addresses in `memory`. */
interface OptimizerExports {
  readonly memory: WebAssembly.Memory;
  heapStart(): number;
  squaredSum(from: number, count: number): number;
  adamRow(
    values: number,
    average: number,
    momentum: number,
    variance: number,
    gradient: number,
    means: number,
    sizes: number,
    count: number,
    clip: number,
    center: number,
    stepSize: number,
    decay: number,
    beta1: number,
    beta2: number,
    varianceScale: number,
    epsilon: number,
    averageDecay: number,
  ): number;
}

export interface OptimizerMemory {
  readonly kernel: Pick<OptimizerExports, "squaredSum" | "adamRow">;
  /** One array for each length asked for, zeros; `byteOffset` is its address for the kernel. */
  readonly arrays: readonly Float32Array[];
}

const PAGE_BYTES = 65_536;
const ALIGNMENT_BYTES = 64;

/**
 * A kernel of its own with float32 arrays of the given lengths in its memory: weights stay there from step to step, and
 * ONNX Runtime reads them where they are. Throws SightlineError KERNEL_MISSING when the kernel has not been built.
 */
export function optimizerMemory(lengths: readonly number[]): OptimizerMemory {
  const { memory, heapStart, squaredSum, adamRow } = load();
  let end = heapStart();
  const addresses = lengths.map((length) => {
    const address = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    end = address + length * 4;
    return address;
  });
  const missingBytes = end - memory.buffer.byteLength;
  if (missingBytes > 0) memory.grow(Math.ceil(missingBytes / PAGE_BYTES));
  const { buffer } = memory;
  const arrays = addresses.map((address, index) => new Float32Array(buffer, address, lengths[index] ?? 0));
  return { kernel: { squaredSum, adamRow }, arrays };
}

function load(): OptimizerExports {
  // The same three levels up from src/training/finetune and from dist/training/finetune.
  const url = new URL("../../../build/optimizer.wasm", import.meta.url);
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(url)), {
      env: { abort: () => undefined },
    });
    // What training/kernel/index.ts exports; scripts/build-kernel.mjs made the file from it.
    return exports as unknown as OptimizerExports;
  } catch (error) {
    const detail = `${url.pathname} (${messageOf(error)}); build it with \`node scripts/build-kernel.mjs\``;
    throw new SightlineError("KERNEL_MISSING", detail, { cause: error });
  }
}

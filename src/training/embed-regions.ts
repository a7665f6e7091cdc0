import { createHash } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { writeDurably } from "../platform/durable-file.ts";
import { fillPlain, makeTrainingBatch } from "./augmented-batches.ts";
import { EMBEDDING } from "./device-graph.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import type { PixelStore } from "./pixel-store.ts";

export interface EmbedJob {
  /** Device graph that ends in `embedding`. */
  readonly graph: Model;
  readonly runtime: OnnxProcess;
  /** Embeddings are kept below here by the hash of graph and pixels; safe to delete. null: not kept. */
  readonly cachePath: string | null;
  readonly onProgress: (done: number, total: number) => void;
}

const BATCH = 16;

/** Embeddings of the frozen network for some regions of the store, in their order, from the bytes a device would feed. */
export async function embedRegions(
  store: PixelStore,
  wanted: readonly number[],
  job: EmbedJob,
): Promise<Float32Array[]> {
  const bytes = encodeModel(job.graph);
  const count = wanted.length;
  const cacheFile =
    job.cachePath === null ? null : join(job.cachePath, "embeddings", `${keyOf(bytes, store, wanted)}.f32`);
  const cached = cacheFile === null ? undefined : await readFile(cacheFile).catch(() => undefined);
  if (cached !== undefined) {
    const values = new Float32Array(new Uint8Array(cached).buffer);
    job.onProgress(count, count);
    return rowsOf(values, count);
  }
  await job.runtime.load(bytes);
  const parts: Float32Array[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const indices = wanted.slice(start, start + BATCH);
    const [part] = await job.runtime.run([imageInput(store, indices)], [EMBEDDING]);
    if (part === undefined) throw new Error("the model gave no embedding");
    parts.push(part);
    job.onProgress(start + indices.length, count);
  }
  const values = joined(parts);
  if (cacheFile !== null) {
    await mkdir(dirname(cacheFile), { recursive: true });
    // Another training may be keeping the same embeddings just now.
    const ownFile = `${cacheFile}.${process.pid}`;
    await writeDurably(ownFile, new Uint8Array(values.buffer));
    await rename(ownFile, cacheFile);
  }
  return rowsOf(values, count);
}

/** The model input of some regions, unaugmented: uint8 [N,H,W,3]. */
export function imageInput(store: PixelStore, indices: readonly number[]) {
  const batch = makeTrainingBatch(store.size, indices.length, null);
  fillPlain(batch, indices, store);
  const dims = [indices.length, store.size.heightPx, store.size.widthPx, 3];
  return { name: MODEL_INPUT, type: "uint8", data: batch.pixels, dims } as const;
}

function keyOf(model: Uint8Array, { regions, size }: PixelStore, wanted: readonly number[]): string {
  const hash = createHash("sha256").update(model).update(`${size.widthPx}x${size.heightPx}`);
  for (const index of wanted) hash.update(regions[index]?.canvas.pixels ?? "");
  return hash.digest("hex");
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

function rowsOf(values: Float32Array, count: number): Float32Array[] {
  const size = values.length / Math.max(1, count);
  return Array.from({ length: count }, (_, row) => values.subarray(row * size, (row + 1) * size));
}

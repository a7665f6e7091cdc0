import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../contracts/errors.ts";
import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import { encodeModel, type Model } from "../onnx/model-file.ts";
import { preprocess } from "../pipeline/preprocess/preprocess.ts";
import type { RefusedFile } from "./data-folder.ts";
import { EMBEDDING } from "./device-graph.ts";
import type { Sample } from "./learning-set.ts";
import type { OnnxProcess } from "./onnx-process.ts";

export interface InputSizePx {
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface EmbedOptions extends InputSizePx {
  /** Device graph that ends in `embedding`, see device-graph.ts. */
  readonly graph: Model;
  readonly runtime: OnnxProcess;
  /** Embeddings are kept here by the hash of graph, size and file; safe to delete. */
  readonly cachePath: string;
  readonly onProgress: (done: number) => void;
}

export interface UnreadableFile extends RefusedFile {
  readonly path: string;
}

export interface EmbeddedSamples {
  readonly samples: readonly Sample[];
  /** One row a sample. */
  readonly embeddings: readonly Float32Array[];
  /** Files that could not be decoded: left out of `samples`, told to the user. */
  readonly unreadable: readonly UnreadableFile[];
}

/** Changed whenever preprocessing gives other pixels, so that old cached embeddings are not used. */
const PREPROCESS_VERSION = 1;

/** Pixels of one file exactly as the device feeds them to the model: uint8 [1,H,W,3]. */
export async function modelPixels(path: string, size: InputSizePx): Promise<Uint8Array> {
  const decoded = await decodeImage(await readFile(path));
  if (!decoded.ok) throw new Error(decoded.detail);
  const { image } = decoded;
  const whole = { xPx: 0, yPx: 0, widthPx: image.widthPx, heightPx: image.heightPx };
  return preprocess(image, [whole], size);
}

/** Embeddings of the frozen backbone for every readable sample, in order. */
export async function embedSamples(samples: readonly Sample[], options: EmbedOptions): Promise<EmbeddedSamples> {
  const { graph, runtime, widthPx, heightPx } = options;
  const bytes = encodeModel(graph);
  const key = createHash("sha256").update(bytes).update(`${widthPx}x${heightPx} v${PREPROCESS_VERSION}`).digest("hex");
  const folderPath = join(options.cachePath, "embeddings", key);
  const kept: Sample[] = [];
  const embeddings: Float32Array[] = [];
  const unreadable: UnreadableFile[] = [];
  let loaded = false;
  for (const [done, sample] of samples.entries()) {
    options.onProgress(done + 1);
    const cachedPath = join(folderPath, sample.sha256.slice(0, 2), `${sample.sha256}.f32`);
    let embedding = await readCached(cachedPath);
    if (embedding === undefined) {
      const pixels = await modelPixels(sample.image.path, options).catch((error: unknown) => messageOf(error));
      if (typeof pixels === "string") {
        unreadable.push({ file: sample.image.file, path: sample.image.path, reason: pixels });
        continue;
      }
      if (!loaded) await runtime.load(bytes);
      loaded = true;
      embedding = await embed(runtime, pixels, options);
      await writeCached(cachedPath, embedding);
    }
    kept.push(sample);
    embeddings.push(embedding);
  }
  return { samples: kept, embeddings, unreadable };
}

async function embed(runtime: OnnxProcess, pixels: Uint8Array, size: InputSizePx): Promise<Float32Array> {
  const dims = [1, size.heightPx, size.widthPx, 3];
  const [embedding] = await runtime.run([{ name: MODEL_INPUT, type: "uint8", data: pixels, dims }], [EMBEDDING]);
  if (embedding === undefined) throw new Error("the model gave no embedding");
  return embedding;
}

async function readCached(path: string): Promise<Float32Array | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? undefined : new Float32Array(new Uint8Array(bytes).buffer);
}

/** Renamed into place: another training run may read the cache at the same time. */
async function writeCached(path: string, embedding: Float32Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}.part`, embedding);
  await rename(`${path}.${process.pid}.part`, path);
}

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import { decodeModel, type Model } from "../onnx/model-file.ts";
import { detachHead } from "./attach-head.ts";
import { deviceGraph, resizeInput, SYMMETRIC_INPUT } from "./device-graph.ts";
import type { InputSizePx } from "./embed.ts";
import { CHECKPOINT_FILE } from "./write-bundle.ts";

/**
 * The device graph, without a head, of what training starts from: a backbone (ONNX file that takes pixels mapped to
 * [-1, 1]) or a bundle with its checkpoint. Throws SightlineError DATA_INVALID naming the file.
 */
export async function loadBase(path: string, size: InputSizePx): Promise<Model> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, CHECKPOINT_FILE) : path;
  try {
    const model = decodeModel(await readFile(file));
    const takesPixels = model.graph.input.some(({ name }) => name === MODEL_INPUT);
    if (takesPixels) return resizeInput(detachHead(model), size.widthPx, size.heightPx);
    return deviceGraph(model, { ...size, ...SYMMETRIC_INPUT });
  } catch (error) {
    throw new SightlineError("DATA_INVALID", `--base ${file}: ${messageOf(error)}`, { cause: error });
  }
}

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { BundleManifest, MODEL_INPUT } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { decodeModel, type Model } from "../onnx/model-file.ts";
import { DataType, tensorSignature } from "../onnx/value-info.ts";
import { detachHead, headOf, type LinearHead } from "./attach-head.ts";
import { checkBaseSize } from "./check-base-size.ts";
import { foldInputScale, resizeInput, withInputStage } from "./device-graph.ts";
import type { InputSizePx } from "./model-pixels.ts";
import { type InputNormalisation, SYMMETRIC_INPUT } from "./input-normalisation.ts";
import { prepareBase } from "./prepare-base.ts";
import { topShareOf } from "./top-cells.ts";
import { MANIFEST_FILE } from "../pipeline/infer/open-bundle.ts";
import { CHECKPOINT_FILE } from "./write-bundle.ts";

export interface BaseOptions {
  /** What the base was trained to see; pixels mapped to [-1, 1] unless told. A bundle knows its own. */
  readonly normalisation?: InputNormalisation;
  /** Called with a sentence where the base fits, but not well. */
  readonly onWarning?: (sentence: string) => void;
}

/**
 * The device graph, without a head, of what training starts from: a convolutional network (ONNX file, see
 * prepare-base.ts) or a bundle with its checkpoint. Throws SightlineError DATA_INVALID naming the file.
 */
export async function loadBase(path: string, size: InputSizePx, options: BaseOptions = {}): Promise<Model> {
  const file = await checkpointOf(path);
  try {
    const { model, warnings } = baseGraph(decodeModel(await readFile(file)), size, options);
    for (const sentence of warnings) options.onWarning?.(`--base ${file}: ${sentence}`);
    return model;
  } catch (error) {
    throw new SightlineError("DATA_INVALID", `--base ${file}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * How the head of a base pools, as a share of its cells (see top-cells.ts): null for the mean, and for what has no head
 * of ours. Throws SightlineError DATA_INVALID naming the file.
 */
export async function loadBaseTopShare(path: string): Promise<number | null> {
  const file = await checkpointOf(path);
  try {
    const model = decodeModel(await readFile(file));
    return takesPixels(model) ? topShareOf(model) : null;
  } catch (error) {
    throw new SightlineError("DATA_INVALID", `--base ${file}: ${reasonOf(error)}`, { cause: error });
  }
}

/** The file itself, or the checkpoint in a bundle's folder. */
async function checkpointOf(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  return isFolder ? join(path, CHECKPOINT_FILE) : path;
}

/** What a bundle is before it is trained further. */
export interface BaseHead extends LinearHead {
  readonly classNames: readonly string[];
}

/** The head of a bundle's checkpoint. Throws SightlineError DATA_INVALID naming the bundle. */
export async function loadBaseHead(path: string): Promise<BaseHead> {
  try {
    const { classes } = BundleManifest.parse(JSON.parse(await readFile(join(path, MANIFEST_FILE), "utf8")));
    const head = headOf(decodeModel(await readFile(join(path, CHECKPOINT_FILE))));
    return { ...head, classNames: classes.map(({ name }) => name) };
  } catch (error) {
    throw new SightlineError("DATA_INVALID", `--base ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

function baseGraph(model: Model, size: InputSizePx, options: BaseOptions): { model: Model; warnings: string[] } {
  if (takesPixels(model)) {
    const resized = resizeInput(detachHead(model), size.widthPx, size.heightPx);
    return { model: resized, warnings: checkBaseSize(resized, size) };
  }
  const base = prepareBase(model);
  const staged = withInputStage(base, { ...size, ...(options.normalisation ?? SYMMETRIC_INPUT) });
  const graph = foldInputScale(staged);
  return { model: graph, warnings: checkBaseSize(graph, size, base.exportedFor) };
}

/** A device graph has the input of the contract; a foreign network may call its own so, but takes float32. */
const takesPixels = ({ graph }: Model): boolean =>
  graph.input
    .map(tensorSignature)
    .some((signature) => signature?.name === MODEL_INPUT && signature.dataType === DataType.UINT8);

/** The sentence alone: the error around it says again that the data cannot be used. */
function reasonOf(error: unknown): string {
  if (error instanceof SightlineError) return error.detail;
  return error instanceof Error ? error.message : String(error);
}

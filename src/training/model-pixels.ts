import { readFile } from "node:fs/promises";
import { decodeImage } from "../imaging/decode-image.ts";
import { preprocess } from "../pipeline/preprocess/preprocess.ts";
import type { RefusedFile } from "../datasets/data-folder.ts";

export interface InputSizePx {
  readonly widthPx: number;
  readonly heightPx: number;
}

export interface UnreadableFile extends RefusedFile {
  readonly path: string;
}

/** Pixels of one file exactly as the device feeds them to the model: uint8 [1,H,W,3]. Throws where it is no image. */
export async function modelPixels(path: string, size: InputSizePx): Promise<Uint8Array> {
  const decoded = await decodeImage(await readFile(path));
  if (!decoded.ok) throw new Error(decoded.detail);
  const { image } = decoded;
  const whole = { xPx: 0, yPx: 0, widthPx: image.widthPx, heightPx: image.heightPx };
  return preprocess(image, [whole], size);
}

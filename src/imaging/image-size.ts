import { readFile } from "node:fs/promises";
import { messageOf } from "../contracts/errors.ts";
import { readJpegHeader, startsAsJpeg } from "./jpeg-header.ts";
import type { OutputSize } from "./resample.ts";
import { sharp } from "./sharp.ts";

/** Size of the stored pixels from a file's header, without decoding them. Throws Error where the header cannot be read. */
export async function readImageSize(path: string): Promise<OutputSize> {
  const bytes = await readFile(path);
  const header = startsAsJpeg(bytes) ? readJpegHeader(bytes) : undefined;
  if (typeof header === "object") return { widthPx: header.widthPx, heightPx: header.heightPx };
  try {
    const { width, height, pageHeight } = await sharp(bytes).metadata();
    return { widthPx: width, heightPx: pageHeight ?? height };
  } catch (error) {
    throw new Error(`the size is not readable (${messageOf(error).split("\n")[0]})`, { cause: error });
  }
}

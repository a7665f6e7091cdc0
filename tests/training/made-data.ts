import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import sharp from "sharp";
import type { Image } from "../../src/imaging/image.ts";

/** Writes a picture as PNG below a folder. */
export async function putImage(folder: string, file: string, image: Image): Promise<void> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  const raw = { width: image.widthPx, height: image.heightPx, channels: image.channels };
  const encoded = sharp(image.pixels, { raw });
  await (image.channels === 1 ? encoded.toColourspace("b-w") : encoded).png().toFile(path);
}

export async function putText(folder: string, file: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), text);
}

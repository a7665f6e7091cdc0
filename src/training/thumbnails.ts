import { readFile } from "node:fs/promises";
import { decodeImage } from "../imaging/decode-image.ts";
import { encodeJpeg } from "../imaging/encode-jpeg.ts";
import { preprocess } from "../pipeline/preprocess/preprocess.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Sample } from "./learning-set.ts";

/** Longer side. */
const THUMBNAIL_PX = 260;

/** JPEG data URLs of the samples by SHA-256, proportions kept; files that cannot be read have none. */
async function thumbnails(samples: readonly Sample[]): Promise<Map<string, string>> {
  const urls = new Map<string, string>();
  for (const { image, sha256 } of samples) {
    const decoded = await readFile(image.path).then(decodeImage, () => undefined);
    if (decoded?.ok !== true) continue;
    const { widthPx, heightPx } = decoded.image;
    const scale = Math.min(1, THUMBNAIL_PX / Math.max(widthPx, heightPx));
    const size = {
      widthPx: Math.max(1, Math.round(widthPx * scale)),
      heightPx: Math.max(1, Math.round(heightPx * scale)),
    };
    const pixels = preprocess(decoded.image, [{ xPx: 0, yPx: 0, widthPx, heightPx }], size);
    const jpeg = await encodeJpeg({ ...size, pixels, channels: 3 }, 80);
    urls.set(sha256, `data:image/jpeg;base64,${Buffer.from(jpeg).toString("base64")}`);
  }
  return urls;
}

/** Thumbnails of the frames an evaluation names as its worst mistakes. */
export function thumbnailsOfMistakes(
  { worstEscapes, worstOverkills }: Pick<Evaluation, "worstEscapes" | "worstOverkills">,
  samples: readonly Sample[],
): Promise<Map<string, string>> {
  const shown = new Set([...worstEscapes, ...worstOverkills].map(({ sha256 }) => sha256));
  return thumbnails(samples.filter(({ sha256 }) => shown.has(sha256)));
}

import sharp from "sharp";
import type { HardCaseUpload } from "../../../src/contracts/hub-case.ts";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import { uuidv7 } from "../../../src/platform/uuid.ts";
import { sha256Of } from "./running-hub.ts";

/** A small picture; another for each number. */
export function pictureOf(number: number, { widthPx = 32, heightPx = 24 } = {}): sharp.Sharp {
  const pixels = Buffer.alloc(widthPx * heightPx * 3);
  for (let at = 0; at < pixels.length; at++) pixels[at] = (at * 31 + number * 97 + ((at * number) >> 5)) & 0xff;
  return sharp(pixels, { raw: { width: widthPx, height: heightPx, channels: 3 } });
}

export const jpegOf = (number: number): Promise<Buffer> => pictureOf(number).jpeg({ quality: 90 }).toBuffer();

export interface VerdictPlace {
  readonly device: string;
  readonly bootSeq?: number;
  readonly verdictSeq?: number;
}

export function verdictOf({ device, bootSeq = 1, verdictSeq = 1 }: VerdictPlace): Verdict {
  const now = Date.now();
  return {
    ...{ schema: 1, id: uuidv7(now), device, bootSeq, verdictSeq, part: `part-${verdictSeq}`, seq: verdictSeq },
    ...{ capturedAt: new Date(now).toISOString(), decidedAt: new Date(now).toISOString() },
    ...{ verdict: "review", class: "crack", score: 0.5, scores: { good: 0.5, crack: 0.5 }, regions: [] },
    hardCase: ["uncertain"],
    model: { name: "tile-surface", version: "1.0.0", sha256: "a".repeat(64) },
    latencyMs: { capture: 1, preprocess: 1, infer: 1, decide: 1, total: 4 },
    clockSynced: true,
  };
}

/** What a device sends for `image`. */
export function caseOf(
  verdict: Verdict,
  image: Uint8Array,
  embedding: readonly number[] | null = null,
): HardCaseUpload {
  return {
    schema: 1,
    verdict,
    reasons: ["uncertain"],
    selectionProbability: 0.1,
    image: { sha256: sha256Of(image), mediaType: "image/jpeg", bytes: image.length, crop: null, masked: 0 },
    embedding: embedding === null ? null : Buffer.from(new Float32Array(embedding).buffer).toString("base64"),
    line: "line1",
    product: "tile",
    metadata: { shift: "night", temperature: 21.5 },
  };
}

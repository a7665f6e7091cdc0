import type { CaseMetadata, HardCaseUpload } from "../../contracts/hub-case.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { Image } from "../../imaging/image.ts";
import type { Journal } from "../journal/journal.ts";
import type { CaseChoice } from "./choose-case.ts";
import type { CutImage } from "./mask-pixels.ts";

/** A part that was decided, with its picture. The pixels are the camera's own: read, never written. */
export interface DecidedFrame {
  readonly verdict: Verdict;
  readonly image: Image;
  /** Of the region with the highest NG score; null where no model judged. */
  readonly embedding: Float32Array | null;
  readonly product: string;
  readonly metadata: CaseMetadata;
  /** What the ledger made of the verdict: no case leaves before its verdict is on disk. */
  readonly recording: ReturnType<Journal["recordVerdict"]>;
  /** Whether a model that is tried judged it differently; null or absent: none judged it, or it is not known yet. */
  readonly disagreement?: boolean | null;
}

export interface EncodedImage {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly mediaType: HardCaseUpload["image"]["mediaType"];
}

const MOST_EMBEDDING_BYTES = 49_152;

/** Orders that drew a frame are named with it. */
export const ORDER_KEY = "workOrder";

/** A case as the hub takes it. Pure. */
export function composeUpload(
  frame: DecidedFrame,
  choice: Pick<CaseChoice, "reasons" | "orders"> & { readonly selectionProbability: number | null },
  encoded: EncodedImage,
  at: { readonly cut: CutImage; readonly line: string },
): HardCaseUpload {
  const { orders } = choice;
  return {
    schema: 1,
    verdict: frame.verdict,
    reasons: [...choice.reasons],
    selectionProbability: choice.selectionProbability,
    image: {
      sha256: encoded.sha256,
      mediaType: encoded.mediaType,
      bytes: encoded.bytes.length,
      crop: at.cut.crop,
      masked: at.cut.masked,
    },
    embedding: embeddingText(frame.embedding),
    line: at.line.slice(0, 128),
    product: frame.product.slice(0, 128),
    metadata: orders.length === 0 ? frame.metadata : { ...frame.metadata, [ORDER_KEY]: orders.join(" ").slice(0, 256) },
  };
}

/** float32 little-endian in base64; null for none and for one longer than the hub takes. */
function embeddingText(embedding: Float32Array | null): string | null {
  if (embedding === null || embedding.length === 0 || embedding.byteLength > MOST_EMBEDDING_BYTES) return null;
  const bytes = Buffer.alloc(embedding.byteLength);
  embedding.forEach((value, at) => bytes.writeFloatLE(value, at * 4));
  return bytes.toString("base64");
}

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { messageOf } from "../contracts/errors.ts";
import { decodeImage } from "../imaging/decode-image.ts";
import type { Image } from "../imaging/image.ts";

/** Larger files are no pictures of a part; they are not even opened. */
const MOST_FILE_BYTES = 512 * 1024 * 1024;

export type CheckedFile =
  | { readonly ok: true; readonly sha256: string; readonly bytes: number; readonly image: Image }
  | { readonly ok: false; readonly reason: string };

/** Reads a file once: its hash, and its pixels decoded to the last. Never rejects for a bad file. */
export async function checkImage(path: string): Promise<CheckedFile> {
  try {
    const { size } = await stat(path);
    if (size > MOST_FILE_BYTES) return { ok: false, reason: `unreadable: it has ${size} bytes` };
    const bytes = await readFile(path);
    const decoded = await decodeImage(bytes);
    if (!decoded.ok) return { ok: false, reason: `unreadable: ${decoded.detail}` };
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { ok: true, sha256, bytes: bytes.length, image: decoded.image };
  } catch (error) {
    return { ok: false, reason: `unreadable: ${messageOf(error)}` };
  }
}

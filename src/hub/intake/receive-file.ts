import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { HashedContent, HashedFile } from "../store/object-store.ts";

/** The connection is given up where the rest of a body is not wanted. */
const HANG_UP = { connection: "close" };

export const tooLarge = (maxBytes: number): HttpRefusal =>
  new HttpRefusal(413, "TOO_LARGE", `The image is larger than the ${maxBytes} bytes that are accepted here.`, HANG_UP);

/** Bodies up to so many bytes stay in memory: most do, and a file of its own would cost each of them five more calls. */
const KEPT_BYTES = 1024 * 1024;

/**
 * Takes a body's hash while it arrives, and the body: in memory, or from KEPT_BYTES on in a new file at `path` (not yet
 * synced: that is the store's business). Never more than `maxBytes` of it. Throws 413 for a longer body, 400 for one that
 * ends early; the file is the caller's to remove.
 */
export async function receiveFile(
  body: Readable,
  { path, maxBytes }: { readonly path: string; readonly maxBytes: number },
): Promise<HashedFile | HashedContent> {
  const hash = createHash("sha256");
  let kept: Buffer[] = [];
  let bytes = 0;
  let file: FileHandle | undefined;
  try {
    // Not destroyed when we stop reading: the refusal has to leave through the same connection.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      const piece = chunk as Buffer; // a request without an encoding gives buffers
      bytes += piece.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(piece);
      kept.push(piece);
      if (bytes <= KEPT_BYTES) continue;
      file ??= await open(path, "wx", 0o600);
      for (const part of kept) await file.writeFile(part);
      kept = [];
    }
  } catch (error) {
    if (error instanceof HttpRefusal) throw error;
    if (body.destroyed || body.errored !== null) {
      throw new HttpRefusal(400, "CUT_SHORT", `The image ended after ${bytes} bytes, before it was complete.`);
    }
    throw error;
  } finally {
    await file?.close();
  }
  const sha256 = hash.digest("hex");
  return file === undefined ? { content: Buffer.concat(kept), bytes, sha256 } : { path, bytes, sha256 };
}

import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { HashedFile } from "../store/object-store.ts";

/** The connection is given up where the rest of a body is not wanted. */
const HANG_UP = { connection: "close" };

export const tooLarge = (maxBytes: number): HttpRefusal =>
  new HttpRefusal(413, "TOO_LARGE", `The image is larger than the ${maxBytes} bytes that are accepted here.`, HANG_UP);

/** Bodies up to so many bytes are kept in memory besides, so that whoever checks them need not read the file. */
const KEPT_BYTES = 1024 * 1024;

export interface ReceivedFile extends HashedFile {
  /** null: larger than what is kept. */
  readonly content: Buffer | null;
}

/**
 * Writes a body to `path` while it arrives and takes its hash; never more than `maxBytes` of it. Not yet synced: that is
 * the store's business. Throws 413 for a longer body, 400 for one that ends early; the file is the caller's to remove.
 */
export async function receiveFile(
  body: Readable,
  { path, maxBytes }: { readonly path: string; readonly maxBytes: number },
): Promise<ReceivedFile> {
  const hash = createHash("sha256");
  const kept: Buffer[] = [];
  let bytes = 0;
  const file = await open(path, "wx", 0o600);
  try {
    // Not destroyed when we stop reading: the refusal has to leave through the same connection.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      const piece = chunk as Buffer; // a request without an encoding gives buffers
      bytes += piece.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(piece);
      if (bytes <= KEPT_BYTES) kept.push(piece);
      await file.writeFile(piece);
    }
  } catch (error) {
    if (error instanceof HttpRefusal) throw error;
    if (body.destroyed || body.errored !== null) {
      throw new HttpRefusal(400, "CUT_SHORT", `The image ended after ${bytes} bytes, before it was complete.`);
    }
    throw error;
  } finally {
    await file.close();
  }
  const content = bytes <= KEPT_BYTES ? Buffer.concat(kept) : null;
  return { path, bytes, sha256: hash.digest("hex"), content };
}

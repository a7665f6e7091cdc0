import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { HashedFile } from "../store/object-store.ts";

/** The connection is given up where the rest of a body is not wanted. */
const HANG_UP = { connection: "close" };

export const tooLarge = (maxBytes: number): HttpRefusal =>
  new HttpRefusal(413, "TOO_LARGE", `The image is larger than the ${maxBytes} bytes that are accepted here.`, HANG_UP);

/**
 * Writes a body to `path` while it arrives and takes its hash; never more than `maxBytes` of it. Not yet synced: that is
 * the store's business. Throws 413 for a longer body, 400 for one that ends early; the file is the caller's to remove.
 */
export async function receiveFile(
  body: Readable,
  { path, maxBytes }: { readonly path: string; readonly maxBytes: number },
): Promise<HashedFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(path, "wx", 0o600);
  try {
    // Not destroyed when we stop reading: the refusal has to leave through the same connection.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      const piece = chunk as Buffer; // a request without an encoding gives buffers
      bytes += piece.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(piece);
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
  return { path, bytes, sha256: hash.digest("hex") };
}

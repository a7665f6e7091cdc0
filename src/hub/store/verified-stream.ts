import { createHash } from "node:crypto";
import { type Readable, Transform } from "node:stream";
import { SightlineError } from "../../contracts/errors.ts";

/** The same bytes; an error instead of the end where they are not those of the name. */
export function verified(source: Readable, sha256: string, where: string): Readable {
  const digest = createHash("sha256");
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      digest.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      done(digest.digest("hex") === sha256 ? null : damaged(sha256, where));
    },
  });
  source.once("error", (error) => check.destroy(error));
  check.once("close", () => source.destroy());
  return source.pipe(check);
}

export const damaged = (sha256: string, where: string): SightlineError =>
  new SightlineError("OBJECT_DAMAGED", `${where} holds other bytes than those of ${sha256}; restore it from a backup`);

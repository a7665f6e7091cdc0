import { createHash, randomBytes } from "node:crypto";

const TOKEN_BYTES = 32;

/** 256 random bits, told apart by kind: a leaked one is found by its prefix. Only its digest is ever stored. */
export type TokenKind = "slss" | "slat" | "sldc";
export const makeToken = (kind: TokenKind): string => `${kind}_${randomBytes(TOKEN_BYTES).toString("base64url")}`;

/** A random 256-bit secret needs no slow hash: nobody guesses it. */
export const digestOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/** No 0 and O, 1, I and L: typed from a sheet of paper. */
const READABLE = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/** Words of 4 from an alphabet without look-alikes, `words` times 19.8 bits: `7KQD-M2XP-…`. */
export function makeReadableSecret(words: number): string {
  const letter = (): string => {
    for (;;) {
      const [byte = 255] = randomBytes(1);
      // 248 = 8 * 31: no letter is likelier than another.
      if (byte < 248) return READABLE.charAt(byte % READABLE.length);
    }
  };
  return Array.from({ length: words }, () => Array.from({ length: 4 }, letter).join("")).join("-");
}

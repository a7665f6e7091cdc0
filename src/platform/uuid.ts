import { randomFillSync } from "node:crypto";

const RANDOM_BYTES = 10;
/** Random bytes are drawn for many ids at once: a call into the generator costs more than the id. */
const pool = Buffer.alloc(RANDOM_BYTES * 256);
let used = pool.length;

/** UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits; sorts by time. */
export function uuidv7(unixMs: number): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString("hex", used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const time = Math.floor(unixMs).toString(16).padStart(12, "0");
  const variant = (8 + (Number.parseInt(hex.slice(3, 4), 16) & 3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}

import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { Slots } from "../../platform/slots.ts";

const argon2Async = promisify(argon2);

export interface PasswordCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane. */
export const PASSWORD_COST: PasswordCost = { memoryKib: 19_456, passes: 2, lanes: 1 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Bounds what a storm of sign-ins may take: 19 MiB and a core each. */
const atOnce = new Slots(2);
const never = new AbortController().signal;

async function derive(password: string, salt: Buffer, cost: PasswordCost & { keyBytes: number }): Promise<Buffer> {
  const release = await atOnce.acquire(never);
  try {
    return await argon2Async("argon2id", {
      // The same letters in another Unicode form are the same password.
      message: password.normalize("NFKC"),
      nonce: salt,
      parallelism: cost.lanes,
      tagLength: cost.keyBytes,
      memory: cost.memoryKib,
      passes: cost.passes,
    });
  } finally {
    release();
  }
}

const withoutPadding = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

/** PHC string `$argon2id$v=19$m=…,t=…,p=…$SALT$KEY`: it carries its cost, so that a later one can differ. */
export async function hashPassword(password: string, cost: PasswordCost = PASSWORD_COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, { ...cost, keyBytes: KEY_BYTES });
  const parameters = `m=${cost.memoryKib},t=${cost.passes},p=${cost.lanes}`;
  return `$argon2id$v=19$${parameters}$${withoutPadding(salt)}$${withoutPadding(key)}`;
}

/** False as well where there is no password at all; then it takes as long as a wrong one, and tells nobody. */
export async function verifyPassword(password: string, phc: string | null): Promise<boolean> {
  const [, memoryKib, passes, lanes, salt, key] = PHC.exec(phc ?? "") ?? [];
  if (salt === undefined || key === undefined) {
    await derive(password, randomBytes(SALT_BYTES), { ...PASSWORD_COST, keyBytes: KEY_BYTES });
    return false;
  }
  const expected = Buffer.from(key, "base64");
  const cost = { memoryKib: Number(memoryKib), passes: Number(passes), lanes: Number(lanes) };
  const derived = await derive(password, Buffer.from(salt, "base64"), { ...cost, keyBytes: expected.length });
  return timingSafeEqual(derived, expected);
}

const LEAST_CHARACTERS = 12;
const MOST_CHARACTERS = 256;

/** A sentence against a new password, or null. Length is what counts (NIST SP 800-63B, 5.1.1.2). */
export function passwordFault(password: string, userName: string): string | null {
  const characters = [...password].length;
  if (characters < LEAST_CHARACTERS)
    return `A password has at least ${LEAST_CHARACTERS} characters; a few words do well.`;
  if (characters > MOST_CHARACTERS) return `A password has at most ${MOST_CHARACTERS} characters.`;
  if (new Set(password).size < 5) return "This password repeats a few characters only; use a few words.";
  if (password.toLowerCase().includes(userName.toLowerCase()) && characters < LEAST_CHARACTERS + userName.length)
    return "This password is little more than the user's name; use a few other words.";
  return null;
}

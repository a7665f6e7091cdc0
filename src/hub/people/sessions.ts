import { createHash, timingSafeEqual } from "node:crypto";
import type { Database } from "../store/database.ts";
import { isRole, type Role } from "./roles.ts";
import { digestOf, makeToken } from "./secret-token.ts";

export interface Person {
  readonly name: string;
  readonly role: Role;
}

export interface Session extends Person {
  readonly expiresAt: number;
  readonly passwordChangeNeeded: boolean;
}

/**
 * Belongs to the session and cannot be had without its cookie, which no script reads: a page of another site cannot
 * know it (OWASP: HMAC-based token pattern, here keyed by the session's own 256 bits).
 */
export const csrfTokenOf = (sessionToken: string): string =>
  createHash("sha256").update(`csrf:${sessionToken}`).digest("base64url");

export function csrfTokenFits(sessionToken: string, given: string): boolean {
  const expected = Buffer.from(csrfTokenOf(sessionToken));
  const offered = Buffer.from(given);
  return expected.length === offered.length && timingSafeEqual(expected, offered);
}

/** The cookie's value; the database has its digest only. */
export async function openSession(
  database: Database,
  userName: string,
  life: { readonly at: number; readonly hours: number },
): Promise<{ readonly token: string; readonly expiresAt: number }> {
  const token = makeToken("slss");
  const expiresAt = life.at + life.hours * 3_600_000;
  await database.query
    .insertInto("sessions")
    .values({ token_sha256: digestOf(token), user_name: userName, created_at: life.at, expires_at: expiresAt })
    .execute();
  return { token, expiresAt };
}

/** null: no such session, over, or its user may not sign in any more. */
export async function sessionOf(database: Database, token: string, at: number): Promise<Session | null> {
  const found = await database.query
    .selectFrom("sessions")
    .innerJoin("users", "users.name", "sessions.user_name")
    .select(["users.name", "users.role", "users.password_once", "sessions.expires_at"])
    .where("sessions.token_sha256", "=", digestOf(token))
    .where("sessions.expires_at", ">", at)
    .where("users.disabled_at", "is", null)
    .executeTakeFirst();
  if (found === undefined || !isRole(found.role)) return null;
  const { name, role, expires_at: expiresAt, password_once: once } = found;
  return { name, role, expiresAt, passwordChangeNeeded: once === 1 };
}

export async function closeSession(database: Database, token: string): Promise<void> {
  await database.query.deleteFrom("sessions").where("token_sha256", "=", digestOf(token)).execute();
}

export async function removeExpiredSessions(database: Database, at: number): Promise<void> {
  await database.query.deleteFrom("sessions").where("expires_at", "<=", at).execute();
}

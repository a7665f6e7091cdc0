import { uuidv7 } from "../../platform/uuid.ts";
import type { Database } from "../store/database.ts";
import type { Act } from "./accounts.ts";
import { recordAudit } from "./audit.ts";
import { isRole, lowerOf, type Role } from "./roles.ts";
import { digestOf, makeToken } from "./secret-token.ts";
import type { Person } from "./sessions.ts";

export interface NewApiToken {
  readonly purpose: string;
  readonly role: Role;
  readonly days: number;
}

/** The token is returned this once. */
export async function createApiToken(
  database: Database,
  { purpose, role, days }: NewApiToken,
  { by, at }: Act,
): Promise<{ readonly id: string; readonly token: string; readonly expiresAt: number }> {
  const token = makeToken("slat");
  const id = uuidv7(at);
  const expiresAt = at + days * 86_400_000;
  await database.query.transaction().execute(async (rows) => {
    await rows
      .insertInto("api_tokens")
      .values({
        ...{ id, token_sha256: digestOf(token), user_name: by, purpose, role },
        ...{ created_at: at, expires_at: expiresAt },
      })
      .execute();
    await recordAudit(rows, { at, actor: by, action: "create API token", subject: id, detail: { purpose, role } });
  });
  return { id, token, expiresAt };
}

/** Who a token acts for: never with more than its person may now. */
export async function holderOf(database: Database, token: string, at: number): Promise<Person | null> {
  const found = await database.query
    .selectFrom("api_tokens")
    .innerJoin("users", "users.name", "api_tokens.user_name")
    .select(["users.name", "users.role as user_role", "api_tokens.role as token_role"])
    .where("api_tokens.token_sha256", "=", digestOf(token))
    .where("api_tokens.expires_at", ">", at)
    .where("api_tokens.revoked_at", "is", null)
    .where("users.disabled_at", "is", null)
    .executeTakeFirst();
  if (found === undefined || !isRole(found.user_role) || !isRole(found.token_role)) return null;
  return { name: found.name, role: lowerOf(found.user_role, found.token_role) };
}

export interface ApiTokenSummary {
  readonly id: string;
  readonly purpose: string;
  readonly role: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export async function listApiTokens(database: Database, userName: string): Promise<ApiTokenSummary[]> {
  const found = await database.query
    .selectFrom("api_tokens")
    .select(["id", "purpose", "role", "created_at", "expires_at"])
    .where("user_name", "=", userName)
    .where("revoked_at", "is", null)
    .orderBy("id", "desc")
    .execute();
  return found.map(({ created_at: createdAt, expires_at: expiresAt, ...told }) => ({ ...told, createdAt, expiresAt }));
}

/** False: this person has no such token. */
export async function revokeApiToken(database: Database, id: string, { by, at }: Act): Promise<boolean> {
  return database.query.transaction().execute(async (rows) => {
    const done = await rows
      .updateTable("api_tokens")
      .set({ revoked_at: at })
      .where("id", "=", id)
      .where("user_name", "=", by)
      .where("revoked_at", "is", null)
      .executeTakeFirst();
    if (done.numUpdatedRows === 0n) return false;
    await recordAudit(rows, { at, actor: by, action: "revoke API token", subject: id });
    return true;
  });
}

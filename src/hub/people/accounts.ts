import { z } from "zod";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Database } from "../store/database.ts";
import { recordAudit } from "./audit.ts";
import { hashPassword, passwordFault } from "./password.ts";
import { ROLES, type Role } from "./roles.ts";
import { makeReadableSecret } from "./secret-token.ts";

export const UserName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}$/, "letters, digits and . _ @ + -, at most 64, a letter or digit first");
export const RoleName = z.enum(ROLES);

/** Who asks, and when, for the audit log. */
export interface Act {
  readonly by: string;
  /** Unix ms. */
  readonly at: number;
}

export interface NewUser {
  readonly name: string;
  readonly role: Role;
  /** null: signs in through OpenID Connect only. */
  readonly password: string | null;
  /** The password has to be replaced at the first sign-in. */
  readonly once?: boolean;
}

export interface UserSummary {
  readonly name: string;
  readonly role: Role;
  readonly createdAt: number;
  readonly disabledAt: number | null;
  readonly openId: boolean;
}

/** False where that name is taken. */
export async function createUser(database: Database, user: NewUser, { by, at }: Act): Promise<boolean> {
  const { name, role, password, once = false } = user;
  const passwordHash = password === null ? null : await hashPassword(password);
  return database.query.transaction().execute(async (rows) => {
    const made = await rows
      .insertInto("users")
      .values({ name, role, password_hash: passwordHash, created_at: at, password_once: once ? 1 : 0 })
      .onConflict((conflict) => conflict.column("name").doNothing())
      .executeTakeFirst();
    if (made.numInsertedOrUpdatedRows === 0n) return false;
    await recordAudit(rows, { at, actor: by, action: "add user", subject: name, detail: { role } });
    return true;
  });
}

const FIRST_ADMIN = "admin";
/** 6 words of 4 letters: 119 bits. */
const ONCE_WORDS = 6;

/** On a hub without users: an administrator and a one-time password, which is returned here and kept nowhere. */
export async function makeFirstAdmin(
  database: Database,
  at: number,
): Promise<{ readonly name: string; readonly password: string } | null> {
  const anyone = await database.query.selectFrom("users").select("name").limit(1).executeTakeFirst();
  if (anyone !== undefined) return null;
  const password = makeReadableSecret(ONCE_WORDS);
  const made = await createUser(
    database,
    { name: FIRST_ADMIN, role: "admin", password, once: true },
    { by: "hub", at },
  );
  return made ? { name: FIRST_ADMIN, password } : null;
}

export async function listUsers(database: Database): Promise<UserSummary[]> {
  const found = await database.query.selectFrom("users").selectAll().orderBy("name").execute();
  return found.map((user) => ({
    name: user.name,
    role: RoleName.parse(user.role),
    createdAt: user.created_at,
    disabledAt: user.disabled_at,
    openId: user.oidc_subject !== null,
  }));
}

export interface UserChange {
  readonly role?: Role | undefined;
  readonly disabled?: boolean | undefined;
  readonly password?: string | undefined;
}

const refuseLastAdmin = (): never => {
  throw new HttpRefusal(409, "LAST_ADMIN", "This is the last administrator; make another one first.");
};

/** Ends the user's sessions where role, password or access change. False: there is no such user. */
export async function changeUser(
  database: Database,
  name: string,
  change: UserChange,
  { by, at }: Act,
): Promise<boolean> {
  const passwordHash = change.password === undefined ? undefined : await hashPassword(change.password);
  return database.query.transaction().execute(async (rows) => {
    const user = await rows.selectFrom("users").selectAll().where("name", "=", name).executeTakeFirst();
    if (user === undefined) return false;
    const admins = await rows
      .selectFrom("users")
      .select("name")
      .where("role", "=", "admin")
      .where("disabled_at", "is", null)
      .execute();
    const steps = change.disabled === true || (change.role !== undefined && change.role !== "admin");
    if (steps && admins.length === 1 && admins[0]?.name === name) refuseLastAdmin();
    await rows
      .updateTable("users")
      .set({
        role: change.role ?? user.role,
        disabled_at: change.disabled === undefined ? user.disabled_at : change.disabled ? at : null,
        // A password that somebody else chose is good for one sign-in.
        ...(passwordHash === undefined ? {} : { password_hash: passwordHash, password_once: by === name ? 0 : 1 }),
      })
      .where("name", "=", name)
      .execute();
    await rows.deleteFrom("sessions").where("user_name", "=", name).execute();
    const { password, ...told } = change;
    const detail = { ...told, ...(password === undefined ? {} : { password: "replaced" }) };
    await recordAudit(rows, { at, actor: by, action: "change user", subject: name, detail });
    return true;
  });
}

/** Throws a 400 with what is wrong with a new password. */
export function requireGoodPassword(password: string, userName: string): void {
  const fault = passwordFault(password, userName);
  if (fault !== null) throw new HttpRefusal(400, "WEAK_PASSWORD", fault);
}

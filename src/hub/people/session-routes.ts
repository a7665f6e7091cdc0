import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../store/database.ts";
import { changeUser, requireGoodPassword, RoleName } from "./accounts.ts";
import { recordAudit } from "./audit.ts";
import { SESSION_COOKIE } from "./identify-person.ts";
import { verifyPassword } from "./password.ts";
import { signedInPerson } from "./require-person.ts";
import { closeSession, csrfTokenOf, openSession, sessionOf } from "./sessions.ts";
import type { SignInAttempts } from "./sign-in-attempts.ts";

export interface SessionParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly attempts: SignInAttempts;
  readonly sessionHours: number;
  /** People reach the hub through HTTPS: the cookie is never sent without. */
  readonly secureCookies: boolean;
  /** Sign-ins that one address may try in a minute. */
  readonly signInsPerMinute: number;
}

const Credentials = z.strictObject({ name: z.string().min(1).max(64), password: z.string().min(1).max(1024) });
const SessionBody = z.strictObject({
  user: z.string(),
  role: RoleName,
  csrfToken: z.string().describe("send it as x-csrf-token with everything that changes something"),
  expiresAt: z.int().describe("Unix ms"),
  passwordChangeNeeded: z.boolean().describe("the password was good for one sign-in: choose your own first"),
});
const PasswordChange = z.strictObject({ current: z.string().min(1).max(1024), next: z.string().min(1).max(1024) });
const Done = z.strictObject({ ok: z.literal(true) });

const cookieOptions = (secure: boolean) => ({ httpOnly: true, sameSite: "strict", secure, path: "/" }) as const;

/** Opens a session and hands its cookie over. */
export async function welcome(reply: FastifyReply, userName: string, parts: SessionParts): Promise<string> {
  const { database, clock, sessionHours, secureCookies } = parts;
  const { token } = await openSession(database, userName, { at: clock.wallNow(), hours: sessionHours });
  reply.setCookie(SESSION_COOKIE, token, { ...cookieOptions(secureCookies), maxAge: sessionHours * 3600 });
  return token;
}

async function describe(token: string, { database, clock }: SessionParts): Promise<z.infer<typeof SessionBody>> {
  const session = await sessionOf(database, token, clock.wallNow());
  if (session === null) throw new HttpRefusal(401, "SIGN_IN_NEEDED", "Nobody is signed in here.");
  const { name: user, role, expiresAt, passwordChangeNeeded } = session;
  return { user, role, csrfToken: csrfTokenOf(token), expiresAt, passwordChangeNeeded };
}

function refuseAfterTooMany(name: string, reply: FastifyReply, attempts: SignInAttempts): void {
  const waitSeconds = attempts.waitSeconds(name);
  if (waitSeconds === 0) return;
  reply.header("retry-after", String(waitSeconds));
  const sentence = `Too many wrong passwords for this name; try again in ${Math.ceil(waitSeconds / 60)} minutes.`;
  throw new HttpRefusal(429, "TOO_MANY_ATTEMPTS", sentence);
}

/** One sentence for a wrong password, an unknown and a disabled user: names are not given away. */
async function checkPassword(name: string, password: string, parts: SessionParts): Promise<string> {
  const { database, attempts } = parts;
  const user = await database.query.selectFrom("users").selectAll().where("name", "=", name).executeTakeFirst();
  const fits = await verifyPassword(password, user?.password_hash ?? null);
  if (fits && user?.disabled_at === null) {
    attempts.succeeded(name);
    return user.name;
  }
  attempts.failed(name);
  throw new HttpRefusal(401, "SIGN_IN_REFUSED", "Name or password are wrong.");
}

async function auditSignIn(request: FastifyRequest, name: string, { database, clock }: SessionParts): Promise<void> {
  const detail = { address: request.ip };
  await recordAudit(database.query, { at: clock.wallNow(), actor: name, action: "sign in", subject: name, detail });
}

export function installSessionRoutes(api: Api, parts: SessionParts): void {
  const { database, clock, attempts, secureCookies, signInsPerMinute } = parts;
  const tags = ["people"];

  api.post(
    "/api/v1/session",
    {
      config: { rateLimit: { max: signInsPerMinute, timeWindow: 60_000 } },
      schema: {
        summary: "Sign in",
        tags,
        body: Credentials,
        response: { 200: SessionBody, 400: ErrorBody, 401: ErrorBody, 429: ErrorBody },
      },
    },
    async (request, reply) => {
      const { name, password } = request.body;
      refuseAfterTooMany(name, reply, attempts);
      const userName = await checkPassword(name, password, parts);
      await auditSignIn(request, userName, parts);
      return describe(await welcome(reply, userName, parts), parts);
    },
  );

  api.get(
    "/api/v1/session",
    { schema: { summary: "Who is signed in", tags, response: { 200: SessionBody, 401: ErrorBody } } },
    async (request) => describe(request.cookies[SESSION_COOKIE] ?? "", parts),
  );

  api.delete(
    "/api/v1/session",
    { schema: { summary: "Sign out", tags, response: { 200: Done, 401: ErrorBody, 403: ErrorBody } } },
    async (request, reply) => {
      signedInPerson(request);
      await closeSession(database, request.cookies[SESSION_COOKIE] ?? "");
      reply.clearCookie(SESSION_COOKIE, cookieOptions(secureCookies));
      return { ok: true };
    },
  );

  api.put(
    "/api/v1/session/password",
    {
      schema: {
        summary: "Choose another password; every other session of this person ends",
        tags,
        body: PasswordChange,
        response: { 200: SessionBody, 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 429: ErrorBody },
      },
    },
    async (request, reply) => {
      const { name } = signedInPerson(request);
      const { current, next } = request.body;
      refuseAfterTooMany(name, reply, attempts);
      await checkPassword(name, current, parts);
      requireGoodPassword(next, name);
      if (next === current) throw new HttpRefusal(400, "WEAK_PASSWORD", "This is the password you have already.");
      await changeUser(database, name, { password: next }, { by: name, at: clock.wallNow() });
      return describe(await welcome(reply, name, parts), parts);
    },
  );
}

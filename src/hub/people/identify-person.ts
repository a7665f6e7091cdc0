import "@fastify/cookie";
import type { FastifyRequest } from "fastify";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../store/database.ts";
import { holderOf } from "./api-tokens.ts";
import { rememberPerson } from "./require-person.ts";
import { csrfTokenFits, sessionOf } from "./sessions.ts";

export const SESSION_COOKIE = "sightline_session";
const CSRF_HEADER = "x-csrf-token";
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export const bearerOf = (request: FastifyRequest): string | undefined =>
  /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];

function maybeForged(request: FastifyRequest, sessionToken: string): boolean {
  if (SAFE_METHODS.has(request.method)) return false;
  const given = request.headers[CSRF_HEADER];
  return typeof given !== "string" || !csrfTokenFits(sessionToken, given);
}

/**
 * Finds out who asks before a body is read. A request with an Authorization header is a program's: its cookies do not
 * count. Whether anybody is needed is the route's say (`requirePerson`).
 */
export function installIdentification(
  api: Api,
  { database, clock }: { readonly database: Database; readonly clock: Clock },
): void {
  api.addHook("onRequest", async (request) => {
    if (request.headers.authorization !== undefined) {
      const token = bearerOf(request);
      if (token?.startsWith("slat_") !== true) return;
      const person = await holderOf(database, token, clock.wallNow());
      if (person === null)
        throw new HttpRefusal(401, "TOKEN_UNKNOWN", "This API token is not known, was revoked or has expired.");
      rememberPerson(request, { ...person, passwordChangeNeeded: false, maybeForged: false });
      return;
    }
    const token = request.cookies[SESSION_COOKIE];
    if (token === undefined) return;
    const session = await sessionOf(database, token, clock.wallNow());
    if (session === null) return;
    const { name, role, passwordChangeNeeded } = session;
    rememberPerson(request, { name, role, passwordChangeNeeded, maybeForged: maybeForged(request, token) });
  });
}

import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Database } from "../store/database.ts";
import { recordAudit } from "./audit.ts";
import { CALLBACK_PATH, type OpenIdClient, type OpenIdPerson } from "./openid.ts";
import type { Role } from "./roles.ts";
import { welcome, type SessionParts } from "./session-routes.ts";

const PENDING_COOKIE = "sightline_openid";
const PENDING_SECONDS = 600;
const START_PATH = "/api/v1/session/openid";

const Pending = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string() });
const Methods = z.strictObject({ password: z.literal(true), openId: z.string().nullable().describe("where to start") });

function readPending(cookie: string | undefined): z.infer<typeof Pending> {
  try {
    return Pending.parse(JSON.parse(Buffer.from(cookie ?? "", "base64url").toString("utf8")));
  } catch {
    throw new HttpRefusal(400, "NO_SIGN_IN_PENDING", "No sign-in was begun in this browser; start again at the hub.");
  }
}

/** The account of a person the provider vouches for, made at the first sign-in; its role follows the provider's. */
async function accountOf(database: Database, person: OpenIdPerson & { readonly role: Role }, at: number) {
  const { subject, role } = person;
  return database.query.transaction().execute(async (rows) => {
    const known = await rows.selectFrom("users").selectAll().where("oidc_subject", "=", subject).executeTakeFirst();
    if (known !== undefined) {
      if (known.disabled_at !== null) {
        throw new HttpRefusal(
          403,
          "ACCOUNT_LOCKED",
          `The account ${known.name} is locked; an administrator can open it.`,
        );
      }
      if (known.role !== role) {
        await rows.updateTable("users").set({ role }).where("name", "=", known.name).execute();
        const detail = { role, before: known.role };
        await recordAudit(rows, { at, actor: "openid", action: "change user", subject: known.name, detail });
      }
      return known.name;
    }
    const made = await rows
      .insertInto("users")
      .values({ name: person.name, role, password_hash: null, oidc_subject: subject, created_at: at })
      .onConflict((conflict) => conflict.column("name").doNothing())
      .executeTakeFirst();
    if (made.numInsertedOrUpdatedRows === 0n) {
      // A provider that lets people choose their names must not hand out other people's accounts.
      const sentence = `There is another account with the name ${person.name}; ask an administrator.`;
      throw new HttpRefusal(409, "NAME_TAKEN", sentence);
    }
    await recordAudit(rows, { at, actor: "openid", action: "add user", subject: person.name, detail: { role } });
    return person.name;
  });
}

/** `openId` null: only passwords; the page asks which ways there are. */
export function installOpenIdRoutes(api: Api, parts: SessionParts & { readonly openId: OpenIdClient | null }): void {
  const { database, clock, openId, secureCookies } = parts;
  const tags = ["people"];

  api.get(
    "/api/v1/session/methods",
    { schema: { summary: "Ways to sign in", tags, response: { 200: Methods } } },
    async () => ({ password: true, openId: openId === null ? null : START_PATH }),
  );
  if (openId === null) return;
  const rateLimit = { max: parts.signInsPerMinute, timeWindow: 60_000 };
  const cookie = { path: START_PATH, httpOnly: true, secure: secureCookies, sameSite: "lax" } as const;

  api.get(
    START_PATH,
    {
      config: { rateLimit },
      schema: { summary: "Sign in through OpenID Connect", tags, response: { 503: ErrorBody } },
    },
    async (_request, reply) => {
      const { url, pending } = await openId.begin();
      const value = Buffer.from(JSON.stringify(pending)).toString("base64url");
      // Lax: the provider's redirect is another site's, and has to bring the cookie along.
      return reply.setCookie(PENDING_COOKIE, value, { ...cookie, maxAge: PENDING_SECONDS }).redirect(url);
    },
  );

  api.get(
    CALLBACK_PATH,
    {
      config: { rateLimit },
      schema: {
        summary: "Where the provider sends the browser back",
        tags,
        response: { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 409: ErrorBody },
      },
    },
    async (request, reply) => {
      const pending = readPending(request.cookies[PENDING_COOKIE]);
      reply.clearCookie(PENDING_COOKIE, cookie);
      const query = request.url.slice(CALLBACK_PATH.length);
      const { role, ...person } = await openId.finish(query, pending);
      if (role === null) {
        const sentence = `${person.name} has no role at this hub; ask an administrator for a group that has one.`;
        throw new HttpRefusal(403, "NO_ROLE", sentence);
      }
      const at = clock.wallNow();
      const name = await accountOf(database, { ...person, role }, at);
      const detail = { address: request.ip, through: "openid" };
      await recordAudit(database.query, { at, actor: name, action: "sign in", subject: name, detail });
      await welcome(reply, name, parts);
      return reply.redirect("/");
    },
  );
}

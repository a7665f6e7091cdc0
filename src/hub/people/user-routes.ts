import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../store/database.ts";
import { changeUser, createUser, listUsers, requireGoodPassword, RoleName, UserName } from "./accounts.ts";
import { createApiToken, listApiTokens, revokeApiToken } from "./api-tokens.ts";
import { readAudit } from "./audit.ts";
import { requirePerson } from "./require-person.ts";
import { mayAct } from "./roles.ts";

export interface UserRouteParts {
  readonly database: Database;
  readonly clock: Clock;
}

const UserBody = z.strictObject({
  name: z.string(),
  role: RoleName,
  createdAt: z.int().describe("Unix ms"),
  disabledAt: z.int().nullable(),
  openId: z.boolean().describe("signs in through OpenID Connect"),
});
const UserList = z.strictObject({ users: z.array(UserBody) });
const NewUserBody = z.strictObject({
  name: UserName,
  role: RoleName,
  password: z.string().max(1024).describe("good for one sign-in, at which the person chooses another"),
});
const UserChangeBody = z
  .strictObject({
    role: RoleName.optional(),
    disabled: z.boolean().optional(),
    password: z.string().max(1024).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "name what is to change: role, disabled or password");
const UserPath = z.strictObject({ name: z.string() });
const Done = z.strictObject({ ok: z.literal(true) });

const AuditQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  beforeRow: z.coerce.number().int().positive().optional(),
});
const AuditBody = z.strictObject({
  entries: z.array(
    z.strictObject({
      row: z.int(),
      at: z.int(),
      actor: z.string(),
      action: z.string(),
      subject: z.string(),
      detail: z.looseObject({}),
    }),
  ),
  nextBeforeRow: z.int().nullable(),
});

const NewToken = z.strictObject({
  purpose: z.string().min(1).max(200),
  role: RoleName.default("viewer"),
  days: z.int().min(1).max(366).default(90),
});
const MadeToken = z.strictObject({ id: z.string(), token: z.string().describe("shown this once"), expiresAt: z.int() });
const TokenList = z.strictObject({
  tokens: z.array(
    z.strictObject({
      id: z.string(),
      purpose: z.string(),
      role: z.string(),
      createdAt: z.int(),
      expiresAt: z.int(),
    }),
  ),
});

const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody } as const;

function installAccountRoutes(api: Api, { database, clock }: UserRouteParts): void {
  const tags = ["people"];

  api.get(
    "/api/v1/users",
    {
      schema: {
        summary: "Everybody who may sign in",
        tags,
        response: { 200: UserList, 401: ErrorBody, 403: ErrorBody },
      },
    },
    async (request) => {
      requirePerson(request, "admin");
      return { users: await listUsers(database) };
    },
  );

  api.post(
    "/api/v1/users",
    {
      schema: {
        summary: "Add a person",
        tags,
        body: NewUserBody,
        response: { 200: Done, ...refusals, 409: ErrorBody },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "admin");
      requireGoodPassword(request.body.password, request.body.name);
      const made = await createUser(database, { ...request.body, once: true }, { by, at: clock.wallNow() });
      if (!made) throw new HttpRefusal(409, "NAME_TAKEN", `There is a user ${request.body.name} already.`);
      return { ok: true };
    },
  );

  api.patch(
    "/api/v1/users/:name",
    {
      schema: {
        summary: "Change a person's role, lock the account, give it another password",
        tags,
        params: UserPath,
        body: UserChangeBody,
        response: { 200: Done, ...refusals, 404: ErrorBody, 409: ErrorBody },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "admin");
      const { name } = request.params;
      if (request.body.password !== undefined) requireGoodPassword(request.body.password, name);
      const known = await changeUser(database, name, request.body, { by, at: clock.wallNow() });
      if (!known) throw new HttpRefusal(404, "UNKNOWN_USER", `There is no user "${name}".`);
      return { ok: true };
    },
  );

  api.get(
    "/api/v1/audit",
    {
      schema: {
        summary: "Who did what, newest first",
        tags,
        querystring: AuditQuery,
        response: { 200: AuditBody, ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "admin");
      return readAudit(database.query, request.query);
    },
  );
}

function installTokenRoutes(api: Api, { database, clock }: UserRouteParts): void {
  const tags = ["people"];

  api.get(
    "/api/v1/tokens",
    { schema: { summary: "Your API tokens", tags, response: { 200: TokenList, 401: ErrorBody, 403: ErrorBody } } },
    async (request) => ({ tokens: await listApiTokens(database, requirePerson(request, "viewer").name) }),
  );

  api.post(
    "/api/v1/tokens",
    { schema: { summary: "Make an API token", tags, body: NewToken, response: { 200: MadeToken, ...refusals } } },
    async (request) => {
      const { name: by, role } = requirePerson(request, "viewer");
      if (!mayAct(role, request.body.role)) {
        throw new HttpRefusal(403, "ROLE_TOO_LOW", `A token cannot do more than you: you are ${role}.`);
      }
      return createApiToken(database, request.body, { by, at: clock.wallNow() });
    },
  );

  api.delete(
    "/api/v1/tokens/:id",
    {
      schema: {
        summary: "Revoke one of your API tokens",
        tags,
        params: z.strictObject({ id: z.string() }),
        response: { 200: Done, ...refusals, 404: ErrorBody },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "viewer");
      const known = await revokeApiToken(database, request.params.id, { by, at: clock.wallNow() });
      if (!known) throw new HttpRefusal(404, "UNKNOWN_TOKEN", "You have no such token.");
      return { ok: true };
    },
  );
}

export function installUserRoutes(api: Api, parts: UserRouteParts): void {
  installAccountRoutes(api, parts);
  installTokenRoutes(api, parts);
}

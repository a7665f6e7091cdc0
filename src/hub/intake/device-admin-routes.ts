import { sql } from "kysely";
import { z } from "zod";
import { HARD_CASE_REASONS } from "../../contracts/verdict.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Act } from "../people/accounts.ts";
import { recordAudit } from "../people/audit.ts";
import { requirePerson } from "../people/require-person.ts";
import type { Database } from "../store/database.ts";
import { makeEnrolmentCode } from "./enrol-device.ts";

const DeviceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "letters, digits, dot, dash and underscore, at most 64");
const DeviceBody = z.strictObject({
  id: z.string(),
  project: z.string(),
  line: z.string(),
  enrolledAt: z.int(),
  revokedAt: z.int().nullable(),
  lastSeenAt: z.int().nullable(),
  dailyCases: z.int(),
  dailyBytes: z.int(),
});
const DeviceList = z.strictObject({ devices: z.array(DeviceBody) });
const LostCases = z.strictObject({
  count: z.int(),
  newest: z.array(
    z.strictObject({
      id: z.string().describe("of the verdict"),
      reasons: z.array(z.enum(HARD_CASE_REASONS)),
      cause: z.string(),
      bytes: z.int(),
      lostAt: z.int(),
    }),
  ),
});
const CodeRequest = z.strictObject({
  device: DeviceName.describe("the device's name in its own configuration"),
  project: z.string().min(1).max(64),
  line: z.string().max(128).default(""),
  hours: z.int().min(1).max(720).default(24).describe("how long the code is good"),
});
const CodeReply = z.strictObject({ code: z.string().describe("shown this once"), expiresAt: z.int() });
const LimitsChange = z.strictObject({ dailyCases: z.int().min(0), dailyBytes: z.int().min(0) }).partial();
const DevicePath = z.strictObject({ id: z.string() });
const Done = z.strictObject({ ok: z.literal(true) });
const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody } as const;

export interface DeviceAdminParts {
  readonly database: Database;
  readonly clock: Clock;
}

/** False: there is no such device. A revoked one stays revoked since when it was. */
async function revokeDevice(database: Database, id: string, { by, at }: Act): Promise<boolean> {
  return database.query.transaction().execute(async (rows) => {
    const known = await rows.selectFrom("devices").select("revoked_at").where("id", "=", id).executeTakeFirst();
    if (known === undefined) return false;
    if (known.revoked_at !== null) return true;
    await rows.updateTable("devices").set({ revoked_at: at }).where("id", "=", id).execute();
    await recordAudit(rows, { at, actor: by, action: "revoke device", subject: id });
    return true;
  });
}

async function changeLimits(
  database: Database,
  id: string,
  change: z.infer<typeof LimitsChange>,
  { by, at }: Act,
): Promise<boolean> {
  return database.query.transaction().execute(async (rows) => {
    const known = await rows.selectFrom("devices").selectAll().where("id", "=", id).executeTakeFirst();
    if (known === undefined) return false;
    await rows
      .updateTable("devices")
      .set({
        daily_cases: change.dailyCases ?? known.daily_cases,
        daily_bytes: change.dailyBytes ?? known.daily_bytes,
      })
      .where("id", "=", id)
      .execute();
    await recordAudit(rows, { at, actor: by, action: "change device limits", subject: id, detail: change });
    return true;
  });
}

const SHOWN_LOSSES = 200;

/** What a device chose and the hub will never get, newest first. */
async function lostCases(database: Database, device: string): Promise<z.infer<typeof LostCases>> {
  const ofDevice = database.query.selectFrom("lost_cases").where("device_id", "=", device);
  const { count } = await ofDevice.select(sql<number>`COUNT(*)`.as("count")).executeTakeFirstOrThrow();
  const found = await ofDevice.selectAll().orderBy("told_at", "desc").orderBy("id").limit(SHOWN_LOSSES).execute();
  const newest = found.map(({ id, reasons, cause, bytes, lost_at: lostAt }) => ({
    ...{ id, cause, bytes, lostAt },
    reasons: HARD_CASE_REASONS.filter((_reason, bit) => (reasons & (1 << bit)) !== 0),
  }));
  return { count: Number(count), newest };
}

const unknownDevice = (id: string): HttpRefusal =>
  new HttpRefusal(404, "UNKNOWN_DEVICE", `There is no enrolled device "${id}".`);

async function requireProject(database: Database, id: string): Promise<void> {
  const known = await database.query.selectFrom("projects").select("id").where("id", "=", id).executeTakeFirst();
  if (known !== undefined) return;
  throw new HttpRefusal(
    404,
    "UNKNOWN_PROJECT",
    `There is no project "${id}"; make it first, at POST /api/v1/projects.`,
  );
}

/** What people do with devices: see them, let them in, limit them, shut them out. */
export function installDeviceAdminRoutes(api: Api, { database, clock }: DeviceAdminParts): void {
  const tags = ["device administration"];
  const actOf = (by: string): Act => ({ by, at: clock.wallNow() });

  api.get(
    "/api/v1/devices",
    { schema: { summary: "Enrolled devices", tags, response: { 200: DeviceList, 401: ErrorBody, 403: ErrorBody } } },
    async (request) => {
      requirePerson(request, "viewer");
      const found = await database.query.selectFrom("devices").selectAll().orderBy("id").execute();
      const devices = found.map((device) => ({
        ...{ id: device.id, project: device.project_id, line: device.line },
        ...{ enrolledAt: device.enrolled_at, revokedAt: device.revoked_at, lastSeenAt: device.last_seen_at },
        ...{ dailyCases: device.daily_cases, dailyBytes: device.daily_bytes },
      }));
      return { devices };
    },
  );

  api.get(
    "/api/v1/devices/:id/lost-cases",
    {
      schema: {
        summary: "Hard cases that this device gave up, and why",
        tags,
        params: DevicePath,
        response: { 200: LostCases, 401: ErrorBody, 403: ErrorBody },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return lostCases(database, request.params.id);
    },
  );

  api.post(
    "/api/v1/devices/codes",
    {
      schema: {
        summary: "A one-time code with which a device enrols itself",
        tags,
        body: CodeRequest,
        response: { 200: CodeReply, ...refusals, 404: ErrorBody },
      },
    },
    async (request) => {
      const { name } = requirePerson(request, "engineer");
      await requireProject(database, request.body.project);
      return makeEnrolmentCode(database, request.body, actOf(name));
    },
  );

  api.patch(
    "/api/v1/devices/:id",
    {
      schema: {
        summary: "What a device may send in a day",
        tags,
        params: DevicePath,
        body: LimitsChange,
        response: { 200: Done, ...refusals, 404: ErrorBody },
      },
    },
    async (request) => {
      const { name } = requirePerson(request, "engineer");
      const known = await changeLimits(database, request.params.id, request.body, actOf(name));
      if (!known) throw unknownDevice(request.params.id);
      return { ok: true };
    },
  );

  api.post(
    "/api/v1/devices/:id/revoke",
    {
      schema: {
        summary: "End a device's credential, at once",
        tags,
        params: DevicePath,
        response: { 200: Done, ...refusals, 404: ErrorBody },
      },
    },
    async (request) => {
      const { name } = requirePerson(request, "admin");
      if (!(await revokeDevice(database, request.params.id, actOf(name)))) throw unknownDevice(request.params.id);
      return { ok: true };
    },
  );
}

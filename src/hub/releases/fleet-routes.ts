import { z } from "zod";
import { DriftAlarm } from "../../contracts/drift-alarm.ts";
import { ReleaseReport } from "../../contracts/release-report.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import { installDeviceGuard, requireDevice } from "../intake/require-device.ts";
import { activeModel, listModels } from "../models/model-versions.ts";
import { requirePerson } from "../people/require-person.ts";
import type { Database } from "../store/database.ts";
import { type FleetDevice, fleetOf, keepAlarm, keepReport, markSeen } from "./device-reports.ts";
import { listReleases, type Release } from "./releases.ts";

export interface FleetRouteParts {
  readonly database: Database;
  readonly clock: Clock;
}

const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody } as const;
const documented = (description: string): z.ZodType => z.looseObject({}).describe(description);
const Kept = z.strictObject({ ok: z.literal(true) });
const MOST_RELEASES = 50;

/** What devices tell of releases and drift. */
export function installReportRoutes(api: Api, { database, clock }: FleetRouteParts): void {
  const checkDevice = (told: string, known: string): void => {
    if (told === known) return;
    throw new HttpRefusal(403, "OTHER_DEVICE", `This is the credential of ${known}, but the report is of ${told}.`);
  };
  api.register(async (scope: Api) => {
    installDeviceGuard(scope, { database, clock });
    scope.put(
      "/api/v1/device/release",
      {
        schema: {
          summary: "What this device runs, what it tries, and how the last try ended",
          tags: ["devices"],
          body: ReleaseReport,
          response: { 200: Kept, ...refusals },
        },
      },
      async (request) => {
        checkDevice(request.body.device, requireDevice(request).id);
        await keepReport(database, request.body, clock.wallNow());
        return { ok: true };
      },
    );

    scope.put(
      "/api/v1/device/drift",
      {
        schema: {
          summary: "A drift alarm: what no longer looks as it did",
          tags: ["devices"],
          body: DriftAlarm,
          response: { 200: Kept, ...refusals },
        },
      },
      async (request) => {
        checkDevice(request.body.device, requireDevice(request).id);
        await keepAlarm(database, request.body, clock.wallNow());
        return { ok: true };
      },
    );
  });
}

/** Which device runs what, and why. */
export function installFleetRoutes(api: Api, { database, clock }: FleetRouteParts): void {
  api.get(
    "/api/v1/fleet",
    {
      schema: {
        summary: "Devices of a project: what each runs, why, its last report and drift alarms",
        tags: ["releases"],
        querystring: z.strictObject({ project: z.string().min(1).max(64) }),
        response: { 200: documented("{active, devices}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { project } = request.query;
      const [devices, releases, active, models] = await Promise.all([
        fleetOf(database, project),
        listReleases(database, { project, limit: MOST_RELEASES }),
        activeModel(database, project),
        listModels(database, project),
      ]);
      const modelOf = new Map(models.map(({ id, modelSha256 }) => [modelSha256, id]));
      const named =
        active === null
          ? null
          : { id: active.id, name: active.name, version: active.version, sha256: active.modelSha256 };
      return {
        active: named,
        devices: devices.map((device) => {
          const running = device.report?.active.sha256;
          const modelId = running === undefined ? null : (modelOf.get(running) ?? null);
          return {
            ...device,
            modelId,
            why: whyOf(device, modelId, releases),
            asOrdered: running === active?.modelSha256,
          };
        }),
      };
    },
  );

  api.post(
    "/api/v1/drift-alarms/:row/seen",
    {
      schema: {
        summary: "Somebody looked after an alarm",
        tags: ["releases"],
        params: z.strictObject({ row: z.coerce.number().int().min(1) }),
        response: { 200: Kept, ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "labeller");
      if (!(await markSeen(database, request.params.row, { by, at: clock.wallNow() }))) {
        throw new HttpRefusal(404, "UNKNOWN_ALARM", `There is no alarm ${request.params.row}.`);
      }
      return { ok: true };
    },
  );
}

/** Why a device runs its model, for people. */
function whyOf({ id, report }: FleetDevice, modelId: string | null, releases: readonly Release[]): string {
  if (report === null) return "It has not reported what it runs.";
  if (report.last?.outcome === "rolled-back") return `It went back by itself: ${report.last.sentence}`;
  if (modelId === null) return "The hub does not know this model: it came with the device.";
  const release = releases.find((each) => each.modelId === modelId && each.stage !== null && each.stage !== "shadow");
  if (release === undefined) return "It came with the device; no release ordered it.";
  const stage =
    release.stage === "canary" ? `as canary${release.canaries.includes(id) ? "" : " of others"}` : "for the fleet";
  return `Release ${release.number}, ordered ${stage}: ${release.reason}`;
}

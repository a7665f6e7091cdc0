import { z } from "zod";
import { fastifyStatic } from "@fastify/static";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import { EVERY_LINE, ReleaseReason, ReleaseStage } from "../../release/documents.ts";
import { modelById, type ModelVersion } from "../models/model-versions.ts";
import { requirePerson } from "../people/require-person.ts";
import { mayAct } from "../people/roles.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { fleetOf } from "./device-reports.ts";
import { gatesOfModel, type Judgements } from "./gate-facts.ts";
import { isOpen } from "./gates.ts";
import type { ReleaseDesk } from "./release-desk.ts";
import { changeRelease, listReleases, type Release, releaseById } from "./releases.ts";
import { RolloutCriteria } from "./rollout-step.ts";
import { handOver, orderStage, type RolloutParts, takeBack } from "./rollout.ts";

export interface ReleaseRouteParts {
  readonly database: Database;
  readonly models: Pick<ObjectStore, "get">;
  readonly judgements: Judgements;
  /** null: this hub has no release repository. */
  readonly desk: ReleaseDesk | null;
  readonly clock: Clock;
}

const tags = ["releases"];
const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody } as const;
const documented = (description: string): z.ZodType => z.looseObject({}).describe(description);
const ProjectQuery = z.strictObject({ project: z.string().min(1).max(64) });
const IdPath = z.strictObject({ id: z.uuid() });
const Reason = z.string().trim().min(10, "say why, in ten characters or more").max(500);

const NewRelease = z.strictObject({
  modelId: z.uuid(),
  lines: z.array(z.string().min(1).max(200)).max(1000).default([]).describe("empty: every line"),
  canaries: z.array(z.string()).max(1000).default([]).describe("devices that run it first; empty: one of them"),
  reason: ReleaseReason,
  criteria: RolloutCriteria.prefault({}),
  automatic: z.boolean().default(true).describe("the next stage is ordered when its criteria hold"),
  override: Reason.nullable().default(null).describe("an administrator's reason to release though a gate is closed"),
});
const MOST = 200;

/** Candidates on their way to the line. */
export function installReleaseRoutes(api: Api, parts: ReleaseRouteParts): void {
  installReading(api, parts);
  installHandOver(api, parts);
  installSteering(api, parts);
}

/** The repository as static files, which devices verify themselves: `staged/` and keys are not among them. */
export async function serveReleases(api: Api, desk: ReleaseDesk | null): Promise<void> {
  if (desk === null) return;
  await api.register(fastifyStatic, {
    root: desk.folder.path,
    prefix: "/releases/",
    decorateReply: false,
    cacheControl: false,
    allowedPath: (path) => /^\/(catalogue|director)\/(metadata|targets)\//.test(path),
  });
}

function installReading(api: Api, { database, judgements, desk }: ReleaseRouteParts): void {
  api.get(
    "/api/v1/releases",
    {
      schema: {
        summary: "Releases of a project, newest first; what the repository says of its signatures",
        tags,
        querystring: ProjectQuery,
        response: { 200: documented("{enabled, releases, roles}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const releases = await listReleases(database, { project: request.query.project, limit: MOST });
      const shown = await Promise.all(
        releases.map(async (release) => ({ ...release, model: await nameOf(database, release) })),
      );
      const roles = desk === null ? [] : (await desk.status()).roles;
      return { enabled: desk !== null, releases: shown, roles };
    },
  );

  api.get(
    "/api/v1/models/:id/gates",
    {
      schema: {
        summary: "What keeps a candidate from a release, as it stands now",
        tags,
        params: IdPath,
        response: { 200: documented("{gates, open}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const model = await requireModel(database, request.params.id);
      const gates = await gatesOfModel(database, judgements, model);
      return { gates, open: isOpen(gates) };
    },
  );
}

function installHandOver(api: Api, parts: ReleaseRouteParts): void {
  const { database, judgements } = parts;
  api.post(
    "/api/v1/releases",
    {
      schema: {
        summary: "Hand a candidate to the catalogue, where holders of offline keys sign it",
        tags,
        body: NewRelease,
        response: { 200: documented("{release}"), ...refusals },
      },
    },
    async (request) => {
      const person = requirePerson(request, "engineer");
      const rollout = requireDesk(parts);
      const { modelId, override, lines, canaries, ...wish } = request.body;
      const model = await requireModel(database, modelId);
      const gates = await gatesOfModel(database, judgements, model);
      const closed = gates.filter(({ passed }) => !passed);
      if (closed.length > 0 && override === null) {
        const sentence = `Blocked by ${closed.map(({ name, sentence: why }) => `${name}: ${why}`).join(" ")}`;
        throw new HttpRefusal(409, "GATES_CLOSED", `${sentence} An administrator may override it with a reason.`);
      }
      if (closed.length > 0 && !mayAct(person.role, "admin")) {
        throw new HttpRefusal(403, "ROLE_TOO_LOW", "Only an administrator may release past a closed gate.");
      }
      const fleet = await fleetOf(database, model.project);
      const chosen = canaries.length > 0 ? canaries : fleet.slice(0, 1).map(({ id }) => id);
      const unknown = chosen.find((canary) => !fleet.some(({ id }) => id === canary));
      if (unknown !== undefined) {
        throw new HttpRefusal(400, "UNKNOWN_DEVICE", `${model.project} has no enrolled device ${unknown}.`);
      }
      const id = await handOver(rollout, {
        ...{ ...wish, model, gates, canaries: chosen, lines: lines.length > 0 ? lines : [EVERY_LINE] },
        ...{ overrideReason: closed.length > 0 ? override : null, by: person.name },
      });
      return { release: await releaseById(database, id) };
    },
  );
}

function installSteering(api: Api, parts: ReleaseRouteParts): void {
  const { database, clock } = parts;
  api.post(
    "/api/v1/releases/:id/stage",
    {
      schema: {
        summary: "Order a stage now: shadow, canary or fleet; also goes on with a held release",
        tags,
        params: IdPath,
        body: z.strictObject({ stage: ReleaseStage }),
        response: { 200: documented("{release}"), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const release = await requireRelease(database, request.params.id);
      if (release.state === "signing" || release.state === "withdrawn") {
        const why = release.state === "signing" ? "it is not signed yet" : "it was withdrawn";
        throw new HttpRefusal(409, "NOT_RELEASABLE", `This release cannot be ordered: ${why}.`);
      }
      await orderStage(requireDesk(parts), release, request.body.stage, by);
      return { release: await releaseById(database, release.id) };
    },
  );

  api.post(
    "/api/v1/releases/:id/hold",
    {
      schema: {
        summary: "Order nothing further; devices keep what they run",
        tags,
        params: IdPath,
        body: z.strictObject({ reason: Reason }),
        response: { 200: documented("{release}"), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const release = await requireRelease(database, request.params.id);
      if (release.state !== "rolling" && release.state !== "ready") {
        throw new HttpRefusal(409, "NOT_UNDER_WAY", "Only a release that is under way can be held.");
      }
      const sentence = `Held by ${by}: ${request.body.reason}`;
      await changeRelease(database, release, { state: "held", sentence }, { by, at: clock.wallNow() });
      return { release: await releaseById(database, release.id) };
    },
  );

  api.post(
    "/api/v1/releases/:id/rollback",
    {
      schema: {
        summary: "Take a release back: the earlier model becomes the next release, which people sign",
        tags,
        params: IdPath,
        body: z.strictObject({ reason: Reason, toModel: z.uuid().nullable().default(null) }),
        response: { 200: documented("{release, back}"), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const release = await requireRelease(database, request.params.id);
      if (release.state === "withdrawn")
        throw new HttpRefusal(409, "WITHDRAWN", "This release was taken back already.");
      const back = await takeBack(requireDesk(parts), release, { ...request.body, by });
      const reply = { release: await releaseById(database, release.id) };
      return { ...reply, back: back === null ? null : await releaseById(database, back) };
    },
  );
}

function requireDesk({ desk, database, models, clock }: ReleaseRouteParts): RolloutParts {
  if (desk !== null) return { desk, database, models, clock };
  const sentence = "This hub has no release repository: set releases.directory and releases.keys in its configuration.";
  throw new HttpRefusal(409, "NO_RELEASES", sentence);
}

async function requireModel(database: Database, id: string): Promise<ModelVersion> {
  const model = await modelById(database, id);
  if (model === null) throw new HttpRefusal(404, "UNKNOWN_MODEL", `There is no model version ${id}.`);
  return model;
}

async function requireRelease(database: Database, id: string): Promise<Release> {
  const release = await releaseById(database, id);
  if (release === null) throw new HttpRefusal(404, "UNKNOWN_RELEASE", `There is no release ${id}.`);
  return release;
}

async function nameOf(database: Database, { modelId }: Release) {
  const model = await modelById(database, modelId);
  return model === null ? null : { id: model.id, name: model.name, version: model.version, sha256: model.modelSha256 };
}

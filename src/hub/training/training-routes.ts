import { z } from "zod";
import { Sha256 } from "../../contracts/hub-case.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import { listVersions, versionBySha256 } from "../datasets/dataset-versions.ts";
import type { Job } from "../jobs/job.ts";
import type { LeaseTable } from "../jobs/lease-table.ts";
import { CHECKPOINT_FILE } from "../models/model-store.ts";
import { activeModel, listModels, nextVersion } from "../models/model-versions.ts";
import { recordAudit } from "../people/audit.ts";
import { requirePerson } from "../people/require-person.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { trainingAdvice } from "./advice.ts";
import { baseFault, listBases } from "./bases.ts";
import { modelSummary } from "./leaderboard.ts";
import { trainingPoints } from "./training-points.ts";
import { TRAIN, TrainingPayload, TrainingWish } from "./training-wish.ts";

export interface TrainingRouteParts {
  readonly database: Database;
  readonly models: Pick<ObjectStore, "get">;
  readonly table: LeaseTable;
  readonly clock: Clock;
  readonly bases: string | undefined;
}

const tags = ["training"];
export const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody } as const;
export const documented = (description: string): z.ZodType => z.looseObject({}).describe(description);
export const ProjectQuery = z.strictObject({ project: z.string().min(1).max(64) });
const JobPath = z.strictObject({ id: z.uuid() });
const JobReply = z.strictObject({ job: documented("the job as it stands") });
const MOST_JOBS = 200;

/** A job as the page shows it: without the folder names of the hub's machine. */
const shown = (job: Job) => {
  const { bundlePath: _bundlePath, ...result } = (job.result ?? {}) as Record<string, unknown>;
  return { ...job, result: job.result === null ? null : result };
};

/** Retraining: ask for it, watch it, stop it, go on with it. */
export function installTrainingRoutes(api: Api, parts: TrainingRouteParts): void {
  installListRoutes(api, parts);
  installStartRoutes(api, parts);
}

function installListRoutes(api: Api, { database, table, bases }: TrainingRouteParts): void {
  api.get(
    "/api/v1/training",
    {
      schema: {
        summary: "Trainings and evaluations of a project, newest first",
        tags,
        querystring: ProjectQuery,
        response: { 200: documented("{jobs}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return { jobs: (await table.list(request.query.project, MOST_JOBS)).map(shown) };
    },
  );

  api.get(
    "/api/v1/training/options",
    {
      schema: {
        summary: "What a training may use, the options of the last one, and what the diagnosis' rules would change",
        tags,
        querystring: ProjectQuery,
        response: { 200: documented("{bases, models, active, versions, last, advice}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { project } = request.query;
      const [models, active, versions, jobs] = await Promise.all([
        listModels(database, project),
        activeModel(database, project),
        listVersions(database, { project, limit: MOST_JOBS }),
        table.list(project, MOST_JOBS),
      ]);
      const payload = TrainingPayload.safeParse(jobs.find(({ kind }) => kind === TRAIN)?.payload).data;
      const { layers, sizePx, epochs, seed, augment, pooling, grid, base } = payload ?? {
        ...{
          layers: "gradual",
          sizePx: 224,
          epochs: null,
          seed: 1,
          augment: "standard" as const,
          pooling: null,
          grid: null,
          base: null,
        },
      };
      const last = { layers, sizePx, epochs, seed, augment, pooling, grid, base };
      const trainable = await withCheckpoint(database, project);
      const shownModels = models.map((model) => ({ ...modelSummary(model), trainable: trainable.has(model.id) }));
      const named = { bases: await listBases(bases), models: shownModels, active: active?.id ?? null };
      return { ...named, versions, last, advice: trainingAdvice(last) };
    },
  );

  api.get(
    "/api/v1/training/:id",
    {
      schema: {
        summary: "A training with its loss curve so far",
        tags,
        params: JobPath,
        response: { 200: documented("{job, points}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const job = await requireJob(table, request.params.id);
      return { job: shown(job), points: await trainingPoints(database, job.id) };
    },
  );
}

function installStartRoutes(api: Api, parts: TrainingRouteParts): void {
  const { database, table, clock } = parts;
  const add = async (wish: TrainingWish, resumeOf: Job | null, by: string): Promise<Job> => {
    const version = await nextVersion(database, wish.project);
    const before = resumeOf === null ? null : TrainingPayload.parse(resumeOf.payload);
    const name = before?.name ?? wish.project;
    const payload: TrainingPayload = { ...wish, name, version, resumeOf: resumeOf?.id ?? null };
    const job = await table.add({ kind: TRAIN, project: wish.project, payload, by });
    const detail = { project: wish.project, dataset: wish.datasetSha256, base: wish.base, resumeOf: payload.resumeOf };
    await recordAudit(database.query, {
      ...{ at: clock.wallNow(), actor: by, action: "start training", subject: job.id, detail },
    });
    return job;
  };

  api.post(
    "/api/v1/training",
    {
      schema: {
        summary: "Train a model on a data set version; a worker takes the job",
        tags,
        body: TrainingWish,
        response: { 200: JobReply, ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const wish = request.body;
      const version = await versionBySha256(database, wish.datasetSha256);
      if (version === null || version.project !== wish.project) {
        throw new HttpRefusal(404, "UNKNOWN_DATASET", `${wish.project} has no data set version ${wish.datasetSha256}.`);
      }
      const fault = await baseFault(parts, wish.base, wish.project);
      if (fault !== null) throw new HttpRefusal(400, "BAD_BASE", fault);
      return { job: shown(await add(wish, null, by)) };
    },
  );

  api.post(
    "/api/v1/training/:id/cancel",
    {
      schema: {
        summary: "Stop a training or evaluation; a training keeps the best so far",
        tags,
        params: JobPath,
        response: { 200: JobReply, ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const { id } = await requireJob(table, request.params.id);
      if (!(await table.cancel(id))) throw new HttpRefusal(409, "JOB_ENDED", "This job has ended already.");
      await recordAudit(database.query, { at: clock.wallNow(), actor: by, action: "cancel training", subject: id });
      return { job: shown(await requireJob(table, id)) };
    },
  );

  api.post(
    "/api/v1/training/:id/resume",
    {
      schema: {
        summary: "Go on where a stopped training stopped, as a new job with the same options",
        tags,
        params: JobPath,
        response: { 200: JobReply, ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const before = await requireJob(table, request.params.id);
      if (before.kind !== TRAIN || (before.state !== "cancelled" && before.state !== "failed")) {
        throw new HttpRefusal(409, "NOT_RESUMABLE", "Only a training that was stopped or failed can go on.");
      }
      const { name: _name, version: _version, resumeOf: _resumeOf, ...wish } = TrainingPayload.parse(before.payload);
      return { job: shown(await add(wish, before, by)) };
    },
  );
}

async function requireJob(table: LeaseTable, id: string): Promise<Job> {
  const job = await table.job(id);
  if (job === null) throw new HttpRefusal(404, "UNKNOWN_JOB", `There is no job ${id}.`);
  return job;
}

/** Ids of the models of a project that can be trained from. */
async function withCheckpoint({ query }: Database, project: string): Promise<ReadonlySet<string>> {
  const rows = await query
    .selectFrom("model_files")
    .innerJoin("model_versions", "model_versions.id", "model_files.model_id")
    .select("model_files.model_id")
    .where("model_versions.project_id", "=", project)
    .where("model_files.name", "=", CHECKPOINT_FILE)
    .execute();
  return new Set(rows.map(({ model_id }) => model_id));
}

export const DatasetPath = z.strictObject({ sha256: Sha256 });

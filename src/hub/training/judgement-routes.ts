import { z } from "zod";
import { Sha256 } from "../../contracts/hub-case.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import { versionBySha256 } from "../datasets/dataset-versions.ts";
import { activeModel, modelById } from "../models/model-versions.ts";
import { recordAudit } from "../people/audit.ts";
import { requirePerson } from "../people/require-person.ts";
import { compareModels } from "./compare-models.ts";
import { evaluationOf, leaderboard, modelSummary } from "./leaderboard.ts";
import { listTestSets, testItems, testSideOf, TestSet, TestSide } from "./test-sets.ts";
import { DatasetPath, documented, ProjectQuery, refusals, type TrainingRouteParts } from "./training-routes.ts";
import { EVALUATE, EvaluationPayload } from "./training-wish.ts";

const tags = ["models"];
const LeaderboardQuery = ProjectQuery.extend({ testSet: Sha256.optional().describe("absent: the newest") });
const ComparisonQuery = LeaderboardQuery.extend({
  before: z.uuid().optional().describe("absent: the active model"),
  after: z.uuid(),
});

/** Test sets, and what models are worth on them. */
export function installJudgementRoutes(api: Api, parts: TrainingRouteParts): void {
  installTestSetRoutes(api, parts);
  installComparisonRoutes(api, parts);
}

function installTestSetRoutes(api: Api, { database, clock }: TrainingRouteParts): void {
  api.get(
    "/api/v1/test-sets",
    {
      schema: {
        summary: "Data set versions that models are compared on, newest first",
        tags,
        querystring: ProjectQuery,
        response: { 200: z.strictObject({ testSets: z.array(TestSet) }), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return { testSets: await listTestSets(database, request.query.project) };
    },
  );

  api.put(
    "/api/v1/test-sets/:sha256",
    {
      schema: {
        summary: "Mark a data set version as a test set: from now on nothing learns from its parts",
        tags,
        params: DatasetPath,
        body: z.strictObject({ side: TestSide.default("test") }),
        response: { 200: documented("{parts, frames}"), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const { sha256 } = request.params;
      const { side } = request.body;
      const version = await versionBySha256(database, sha256);
      if (version === null) throw new HttpRefusal(404, "UNKNOWN_DATASET", `There is no data set version ${sha256}.`);
      const items = await testItems(database, sha256, side);
      if (items.length === 0) {
        throw new HttpRefusal(409, "NO_TEST_PARTS", "No part of this version lies on the test side; take all of them.");
      }
      const at = clock.wallNow();
      await database.query.transaction().execute(async (rows) => {
        const marked = await rows
          .insertInto("test_sets")
          .values({ dataset_sha256: sha256, project_id: version.project, side, marked_by: by, marked_at: at })
          .onConflict((conflict) => conflict.column("dataset_sha256").doNothing())
          .executeTakeFirst();
        if (marked.numInsertedOrUpdatedRows === 0n) {
          throw new HttpRefusal(409, "MARKED_ALREADY", "This version is a test set already; a test set never changes.");
        }
        await recordAudit(rows, { at, actor: by, action: "mark test set", subject: sha256, detail: { side } });
      });
      return { parts: new Set(items.map(({ part }) => part)).size, frames: items.length };
    },
  );
}

function installComparisonRoutes(api: Api, parts: TrainingRouteParts): void {
  const { database, table } = parts;
  const testSetOf = async (project: string, asked: string | undefined): Promise<string | null> =>
    asked ?? (await listTestSets(database, project))[0]?.datasetSha256 ?? null;

  api.get(
    "/api/v1/leaderboard",
    {
      schema: {
        summary: "Model versions on one frozen test set, with intervals",
        tags,
        querystring: LeaderboardQuery,
        response: { 200: documented("{testSet, active, rows}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { project, testSet } = request.query;
      const datasetSha256 = await testSetOf(project, testSet);
      const active = await activeModel(database, project);
      const rows = await leaderboard(database, project, datasetSha256 ?? "");
      return { testSet: datasetSha256, active: active?.id ?? null, rows };
    },
  );

  api.post(
    "/api/v1/evaluations",
    {
      schema: {
        summary: "Judge a model version on a test set; a worker takes the job",
        tags,
        body: EvaluationPayload,
        response: { 200: documented("{job}"), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const payload = request.body;
      await requireModel(parts, payload.project, payload.modelId);
      if ((await testSideOf(database, payload.datasetSha256)) === null) {
        throw new HttpRefusal(409, "NO_TEST_SET", "This data set version is not marked as a test set.");
      }
      const { id, state } = await table.add({ kind: EVALUATE, project: payload.project, payload, by });
      return { job: { id, state } };
    },
  );

  api.get(
    "/api/v1/comparison",
    {
      schema: {
        summary: "Two model versions on the same parts: what was fixed, what was broken, and whether it is chance",
        tags,
        querystring: ComparisonQuery,
        response: { 200: documented("{before, after, comparison}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { project, testSet, before, after } = request.query;
      const datasetSha256 = await testSetOf(project, testSet);
      const side = datasetSha256 === null ? null : await testSideOf(database, datasetSha256);
      if (datasetSha256 === null || side === null) {
        throw new HttpRefusal(409, "NO_TEST_SET", "Mark a data set version as a test set first.");
      }
      const beforeId = before ?? (await activeModel(database, project))?.id;
      if (beforeId === undefined) {
        throw new HttpRefusal(409, "NO_ACTIVE_MODEL", "This project has no active model; say which one with ?before=.");
      }
      const shown = [];
      for (const id of [beforeId, after]) {
        const model = await requireModel(parts, project, id);
        const judged = await evaluationOf(database, id, datasetSha256);
        if (judged === null) {
          const sentence = `${model.name} ${model.version} was not judged on this test set yet.`;
          throw new HttpRefusal(409, "NOT_JUDGED", sentence);
        }
        shown.push({ model: modelSummary(model), judged });
      }
      const comparison = await compareModels(database, { project, datasetSha256, side, before: beforeId, after });
      return { testSet: datasetSha256, before: shown[0], after: shown[1], comparison };
    },
  );
}

async function requireModel({ database }: TrainingRouteParts, project: string, id: string) {
  const model = await modelById(database, id);
  if (model === null || model.project !== project) {
    throw new HttpRefusal(404, "UNKNOWN_MODEL", `${project} has no model version ${id}.`);
  }
  return model;
}

import { z } from "zod";
import { certificateFault } from "../../contracts/certificate-fault.ts";
import { listModels, type ModelVersion } from "../models/model-versions.ts";
import type { Database } from "../store/database.ts";

const Interval = z.object({ low: z.number(), high: z.number() });
const Figure = z.object({ value: z.number(), interval: Interval }).nullable();
const Share = z.object({ parts: z.number(), wrongParts: z.number(), share: z.number(), interval: Interval });

/** What the hub reads of `evaluate --json`. */
export const EvaluationFigures = z.object({
  frames: z.number(),
  parts: z.object({ good: z.number(), defective: z.number() }),
  quality: z.object({
    ...{ auroc: Figure, averagePrecision: Figure, balancedAccuracy: Figure },
    ...{ escape: Share, overkill: Share, review: Share },
  }),
  agreement: z
    .object({
      verdicts: z.number(),
      classes: z.number(),
      largestScoreChange: z.number(),
      float32Auroc: z.number().nullable(),
    })
    .nullable(),
  speed: z.array(z.object({ threads: z.number(), p50Ms: z.number(), p99Ms: z.number() })),
  model: z.object({ bytes: z.number() }),
});
export type EvaluationFigures = z.infer<typeof EvaluationFigures>;

export interface JudgedModel {
  readonly figures: EvaluationFigures;
  readonly frames: number;
  /** Above 0: it has seen parts of the test set, so its figures flatter and it is not ranked. */
  readonly sharedParts: number;
  readonly at: number;
}

export async function evaluationOf(
  { query }: Database,
  modelId: string,
  datasetSha256: string,
): Promise<JudgedModel | null> {
  const row = await query
    .selectFrom("evaluations")
    .selectAll()
    .where("model_id", "=", modelId)
    .where("dataset_sha256", "=", datasetSha256)
    .executeTakeFirst();
  if (row === undefined) return null;
  const figures = EvaluationFigures.parse(JSON.parse(row.figures_json));
  return { figures, frames: row.frames, sharedParts: row.shared_parts, at: row.at };
}

/** A model version as lists show it. */
export const modelSummary = (model: ModelVersion) => ({
  ...{ id: model.id, name: model.name, version: model.version, modelSha256: model.modelSha256, origin: model.origin },
  ...{ jobId: model.jobId, datasetSha256: model.datasetSha256, parentId: model.parentId, bytes: model.bytes },
  ...{ createdBy: model.createdBy, createdAt: model.createdAt, certificate: model.manifest.certificate },
  certificateFault: certificateFault(model.manifest, model.modelSha256),
});
export type ModelSummary = ReturnType<typeof modelSummary>;

export interface LeaderboardRow {
  readonly model: ModelSummary;
  readonly judged: JudgedModel | null;
}

/** Models of a project on one test set: the clean ones by AUROC, then those that saw the test set, then those not judged. */
export async function leaderboard(
  database: Database,
  project: string,
  datasetSha256: string,
): Promise<readonly LeaderboardRow[]> {
  const models = await listModels(database, project);
  const rows = await Promise.all(
    models.map(async (model) => {
      return { model: modelSummary(model), judged: await evaluationOf(database, model.id, datasetSha256) };
    }),
  );
  const rank = ({ judged }: LeaderboardRow): number => (judged === null ? 2 : judged.sharedParts > 0 ? 1 : 0);
  const auroc = ({ judged }: LeaderboardRow): number => judged?.figures.quality.auroc?.value ?? -1;
  return rows.sort((one, other) => rank(one) - rank(other) || auroc(other) - auroc(one));
}

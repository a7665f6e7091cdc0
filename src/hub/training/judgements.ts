import { modelById } from "../models/model-versions.ts";
import type { Database } from "../store/database.ts";
import { compareModels } from "./compare-models.ts";
import { evaluationOf, type JudgedModel } from "./leaderboard.ts";
import { listTestSets } from "./test-sets.ts";

const oneThread = ({ figures }: JudgedModel): number | null =>
  figures.speed.find(({ threads }) => threads === 1)?.p99Ms ?? null;

/** What gates ask of models on the newest test set of their project. */
export const judgementsOn = (database: Database) => ({
  async judged(modelId: string, project: string) {
    const [testSet] = await listTestSets(database, project);
    const judged = testSet === undefined ? null : await evaluationOf(database, modelId, testSet.datasetSha256);
    if (judged === null) return null;
    const { quality, agreement, model } = judged.figures;
    const float32 = agreement === null ? null : { auroc: agreement.float32Auroc, sameVerdicts: agreement.verdicts };
    const auroc = quality.auroc?.value ?? null;
    return { sharedParts: judged.sharedParts, auroc, float32, p99Ms: oneThread(judged), modelBytes: model.bytes };
  },

  async against(modelId: string, activeId: string, project: string) {
    const [testSet] = await listTestSets(database, project);
    if (testSet === undefined) return null;
    const { datasetSha256, side } = testSet;
    const [active, judged] = await Promise.all([
      modelById(database, activeId),
      evaluationOf(database, activeId, datasetSha256),
    ]);
    if (active === null || judged === null) return null;
    const { all, escapes } = await compareModels(database, {
      ...{ project, datasetSha256, side, before: activeId, after: modelId },
    });
    return { active: `${active.name} ${active.version}`, all, escapes, p99Ms: oneThread(judged) };
  },
});

import { certificateFault } from "../../contracts/certificate-fault.ts";
import { activeModel, type ModelVersion } from "../models/model-versions.ts";
import type { Database } from "../store/database.ts";
import { type Gate, type GateFacts, gatesOf } from "./gates.ts";

/** What the training room knows of models on test sets; handed in, so that the rooms do not know each other. */
export interface Judgements {
  judged(modelId: string, project: string): Promise<GateFacts["judged"]>;
  against(modelId: string, activeId: string, project: string): Promise<GateFacts["against"]>;
}

/** The gates of a candidate as they stand now. */
export async function gatesOfModel(database: Database, judgements: Judgements, model: ModelVersion): Promise<Gate[]> {
  const { project } = model;
  const terms = await database.query
    .selectFrom("projects")
    .select(["max_escape", "confidence", "takt_ms"])
    .where("id", "=", project)
    .executeTakeFirstOrThrow();
  const active = await activeModel(database, project);
  const other = active === null || active.id === model.id ? null : active;
  return gatesOf({
    candidate: `${model.name} ${model.version}`,
    judged: await judgements.judged(model.id, project),
    against: other === null ? null : await judgements.against(model.id, other.id, project),
    activeModel: other === null ? null : `${other.name} ${other.version}`,
    certificate: model.manifest.certificate,
    certificateFault: certificateFault(model.manifest, model.modelSha256),
    wanted: { maxEscape: terms.max_escape, confidence: terms.confidence, taktMs: terms.takt_ms },
  });
}

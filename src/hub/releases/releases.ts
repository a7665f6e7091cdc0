import type { Selectable } from "kysely";
import { z } from "zod";
import { ReleaseStage } from "../../release/documents.ts";
import { uuidv7 } from "../../platform/uuid.ts";
import { recordAudit } from "../people/audit.ts";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";
import type { Gate } from "./gates.ts";
import { RolloutCriteria } from "./rollout-step.ts";

/**
 * signing: in the catalogue's `staged/`, waits for the holders of offline keys. ready: published, nothing ordered. rolling: a
 * stage is ordered. held: stopped, by its criteria or a person. done: the fleet runs it. withdrawn: taken back.
 */
export const RELEASE_STATES = ["signing", "ready", "rolling", "held", "done", "withdrawn"] as const;
export type ReleaseState = (typeof RELEASE_STATES)[number];

export interface Release {
  readonly id: string;
  readonly project: string;
  readonly product: string;
  readonly modelId: string;
  /** Of the product, in the catalogue. */
  readonly number: number;
  /** The release that is taken back by this one; null: a step forward. */
  readonly backFrom: string | null;
  readonly state: ReleaseState;
  readonly stage: ReleaseStage | null;
  readonly stageSince: number | null;
  readonly lines: readonly string[];
  readonly canaries: readonly string[];
  readonly criteria: RolloutCriteria;
  readonly gates: readonly Gate[];
  readonly overrideReason: string | null;
  readonly reason: string;
  readonly sentence: string;
  readonly automatic: boolean;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly changedAt: number;
}

const Names = z.array(z.string());

const releaseOf = (row: Selectable<Tables["releases"]>): Release => ({
  id: row.id,
  project: row.project_id,
  product: row.product,
  modelId: row.model_id,
  number: row.release_number,
  backFrom: row.back_from,
  state: z.enum(RELEASE_STATES).parse(row.state),
  stage: row.stage === null ? null : ReleaseStage.parse(row.stage),
  stageSince: row.stage_since,
  lines: Names.parse(JSON.parse(row.lines_json)),
  canaries: Names.parse(JSON.parse(row.canaries_json)),
  criteria: RolloutCriteria.parse(JSON.parse(row.criteria_json)),
  gates: JSON.parse(row.gates_json) as Gate[],
  overrideReason: row.override_reason,
  reason: row.reason,
  sentence: row.sentence,
  automatic: row.automatic === 1,
  createdBy: row.created_by,
  createdAt: row.created_at,
  changedAt: row.changed_at,
});

export type NewRelease = Omit<Release, "id" | "state" | "stage" | "stageSince" | "createdAt" | "changedAt">;

/** A candidate that was handed to the catalogue. */
export async function addRelease(database: Database, wish: NewRelease, at: number): Promise<string> {
  const id = uuidv7(at);
  await database.query.transaction().execute(async (rows) => {
    await rows
      .insertInto("releases")
      .values({
        ...{ id, project_id: wish.project, product: wish.product, model_id: wish.modelId },
        ...{ release_number: wish.number, back_from: wish.backFrom },
        ...{ state: "signing" satisfies ReleaseState, stage: null, stage_since: null },
        ...{ lines_json: JSON.stringify(wish.lines), canaries_json: JSON.stringify(wish.canaries) },
        ...{ criteria_json: JSON.stringify(wish.criteria), gates_json: JSON.stringify(wish.gates) },
        ...{ override_reason: wish.overrideReason, reason: wish.reason, sentence: wish.sentence },
        ...{ automatic: wish.automatic ? 1 : 0, created_by: wish.createdBy, created_at: at, changed_at: at },
      })
      .execute();
    const { product, modelId, reason, backFrom, overrideReason } = wish;
    await recordAudit(rows, {
      ...{ at, actor: wish.createdBy, subject: id, detail: { product, modelId, reason, backFrom } },
      action: backFrom === null ? "hand over release" : "take back release",
    });
    if (overrideReason !== null) {
      const closed = wish.gates.filter(({ passed }) => !passed).map(({ name, sentence }) => ({ name, sentence }));
      await recordAudit(rows, {
        ...{ at, actor: wish.createdBy, action: "override gates", subject: id },
        detail: { reason: overrideReason, closed },
      });
    }
  });
  return id;
}

export async function releaseById({ query }: Database, id: string): Promise<Release | null> {
  const row = await query.selectFrom("releases").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? null : releaseOf(row);
}

/** Newest first. */
export async function listReleases(
  { query }: Database,
  filter: { readonly project?: string; readonly states?: readonly ReleaseState[]; readonly limit: number },
): Promise<Release[]> {
  let rows = query
    .selectFrom("releases")
    .selectAll()
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(filter.limit);
  if (filter.project !== undefined) rows = rows.where("project_id", "=", filter.project);
  if (filter.states !== undefined) rows = rows.where("state", "in", filter.states);
  return (await rows.execute()).map(releaseOf);
}

export interface ReleaseChange {
  readonly state?: ReleaseState;
  readonly stage?: ReleaseStage;
  readonly sentence?: string;
  readonly automatic?: boolean;
}

/** Writes what became of a release; into the audit log, too, where its state or stage changed. */
export async function changeRelease(
  database: Database,
  release: Release,
  change: ReleaseChange,
  { by, at }: { readonly by: string; readonly at: number },
): Promise<void> {
  await database.query.transaction().execute(async (rows) => {
    await rows
      .updateTable("releases")
      .set({
        changed_at: at,
        ...(change.state === undefined ? {} : { state: change.state }),
        ...(change.stage === undefined ? {} : { stage: change.stage, stage_since: at }),
        ...(change.sentence === undefined ? {} : { sentence: change.sentence }),
        ...(change.automatic === undefined ? {} : { automatic: change.automatic ? 1 : 0 }),
      })
      .where("id", "=", release.id)
      .execute();
    if ((change.state ?? release.state) === release.state && change.stage === undefined) return;
    await recordAudit(rows, { at, actor: by, action: "change release", subject: release.id, detail: { ...change } });
  });
}

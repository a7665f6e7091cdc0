import type { Kysely, Selectable, Transaction } from "kysely";
import { SightlineError } from "../../contracts/errors.ts";
import { BundleManifest } from "../../contracts/model-bundle.ts";
import { uuidv7 } from "../../platform/uuid.ts";
import { recordAudit } from "../people/audit.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { Tables } from "../store/tables.ts";
import { keepFiles, type ReadBundle, readBundleFolder } from "./model-store.ts";

/** A bundle that the hub keeps: a candidate until it is released. */
export interface ModelVersion {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly version: string;
  readonly modelSha256: string;
  readonly origin: "trained" | "imported";
  readonly jobId: string | null;
  readonly datasetSha256: string | null;
  readonly parentId: string | null;
  readonly bytes: number;
  readonly manifest: BundleManifest;
  readonly createdBy: string;
  readonly createdAt: number;
}

const versionOf = (row: Selectable<Tables["model_versions"]>): ModelVersion => ({
  id: row.id,
  project: row.project_id,
  name: row.name,
  version: row.version,
  modelSha256: row.model_sha256,
  origin: row.origin,
  jobId: row.job_id,
  datasetSha256: row.dataset_sha256,
  parentId: row.parent_id,
  bytes: row.bytes,
  manifest: BundleManifest.parse(JSON.parse(row.manifest_json)),
  createdBy: row.created_by,
  createdAt: row.created_at,
});

export async function modelById({ query }: Database, id: string): Promise<ModelVersion | null> {
  const row = await query.selectFrom("model_versions").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? null : versionOf(row);
}

/** Newest first. */
export async function listModels({ query }: Database, project: string, limit = 200): Promise<ModelVersion[]> {
  const rows = await query
    .selectFrom("model_versions")
    .selectAll()
    .where("project_id", "=", project)
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map(versionOf);
}

/** The model that a project's devices shall run; null where none was released or imported as such. */
export async function activeModel(database: Database, project: string): Promise<ModelVersion | null> {
  const row = await database.query
    .selectFrom("active_models")
    .select("model_id")
    .where("project_id", "=", project)
    .executeTakeFirst();
  return row === undefined ? null : modelById(database, row.model_id);
}

export async function setActiveModel(
  rows: Kysely<Tables>,
  wish: { readonly project: string; readonly modelId: string },
  { by, at }: { readonly by: string; readonly at: number },
): Promise<void> {
  const row = { model_id: wish.modelId, since: at, by_user: by };
  await rows
    .insertInto("active_models")
    .values({ project_id: wish.project, ...row })
    .onConflict((conflict) => conflict.column("project_id").doUpdateSet(row))
    .execute();
}

/**
 * The next version of a project's trained models: 1.1.0, 1.2.0, … Never given twice, whoever asks at once, nor one that an
 * imported model has.
 */
export async function nextVersion({ query }: Database, project: string): Promise<string> {
  for (;;) {
    const { last } = await query
      .insertInto("model_numbers")
      .values({ project_id: project, last: 1 })
      .onConflict((conflict) =>
        conflict.column("project_id").doUpdateSet((row) => ({ last: row("model_numbers.last", "+", 1) })),
      )
      .returning("last")
      .executeTakeFirstOrThrow();
    const version = `1.${last}.0`;
    const taken = await query
      .selectFrom("model_versions")
      .select("id")
      .where("project_id", "=", project)
      .where("version", "=", version)
      .executeTakeFirst();
    if (taken === undefined) return version;
  }
}

export interface NewModel {
  readonly project: string;
  readonly bundle: ReadBundle;
  readonly origin: "trained" | "imported";
  readonly jobId: string | null;
  readonly datasetSha256: string | null;
  readonly parentId: string | null;
  /** What its training said at the end. */
  readonly training: unknown;
  readonly by: string;
  readonly at: number;
}

/** Throws USAGE where another bundle has this name and version. Files must be kept before. */
export async function addModel(rows: Transaction<Tables>, model: NewModel): Promise<string> {
  const { project, bundle, origin, jobId, datasetSha256, parentId, training, by, at } = model;
  const { name, version } = bundle.manifest;
  const id = uuidv7(at);
  const inserted = await rows
    .insertInto("model_versions")
    .values({
      ...{ id, project_id: project, name, version, model_sha256: bundle.modelSha256, origin, job_id: jobId },
      ...{ dataset_sha256: datasetSha256, parent_id: parentId, manifest_json: JSON.stringify(bundle.manifest) },
      bytes: bundle.files.reduce((sum, file) => sum + file.bytes, 0),
      ...{ training_json: JSON.stringify(training), created_by: by, created_at: at },
    })
    .onConflict((conflict) => conflict.columns(["project_id", "name", "version"]).doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows === 0n) {
    throw new SightlineError("USAGE", `${project} has a model ${name} ${version} already; give the bundle another version`);
  }
  await rows
    .insertInto("model_files")
    .values(bundle.files.map((file) => ({ model_id: id, name: file.name, sha256: file.sha256, bytes: file.bytes })))
    .execute();
  const detail = { project, name, version, origin };
  await recordAudit(rows, { at, actor: by, action: "add model", subject: id, detail });
  return id;
}

/** Takes a bundle from a folder of this machine, as of another tool or the one that devices came with. */
export async function importModel(
  { database, models }: { readonly database: Database; readonly models: ObjectStore },
  wish: { readonly project: string; readonly folder: string; readonly active: boolean },
  act: { readonly by: string; readonly at: number },
): Promise<string> {
  const bundle = await readBundleFolder(wish.folder);
  await keepFiles(models, bundle.files);
  return database.query.transaction().execute(async (rows) => {
    const id = await addModel(rows, {
      ...{ project: wish.project, bundle, origin: "imported", jobId: null, datasetSha256: null, parentId: null },
      ...{ training: {}, ...act },
    });
    if (wish.active) await setActiveModel(rows, { project: wish.project, modelId: id }, act);
    return id;
  });
}

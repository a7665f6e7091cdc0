import { sql } from "kysely";
import { type Migration, types } from "./migration.ts";

/** Models, their training and judgement, releases, and what devices report of them. */
export const models: Migration = {
  name: "0002-models",
  async up(database, engine) {
    const { integer, real, counter, clustered } = types(engine);
    const statements = `
      CREATE TABLE model_numbers (project_id TEXT PRIMARY KEY REFERENCES projects (id), last ${integer} NOT NULL);
      CREATE TABLE model_versions (id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects (id), name TEXT NOT NULL,
        version TEXT NOT NULL, model_sha256 TEXT NOT NULL, origin TEXT NOT NULL, job_id TEXT UNIQUE, dataset_sha256 TEXT,
        parent_id TEXT, bytes ${integer} NOT NULL, manifest_json TEXT NOT NULL, training_json TEXT NOT NULL,
        created_by TEXT NOT NULL, created_at ${integer} NOT NULL, UNIQUE (project_id, name, version));
      CREATE INDEX model_versions_sha256 ON model_versions (model_sha256);
      CREATE TABLE model_files (model_id TEXT NOT NULL REFERENCES model_versions (id), name TEXT NOT NULL,
        sha256 TEXT NOT NULL, bytes ${integer} NOT NULL, PRIMARY KEY (model_id, name))${clustered};
      CREATE TABLE active_models (project_id TEXT PRIMARY KEY REFERENCES projects (id),
        model_id TEXT NOT NULL REFERENCES model_versions (id), since ${integer} NOT NULL, by_user TEXT NOT NULL);
      CREATE TABLE training_points (job_id TEXT NOT NULL, stage TEXT NOT NULL, step ${integer} NOT NULL,
        total ${integer} NOT NULL, loss ${real}, held_out_loss ${real}, at ${integer} NOT NULL,
        fencing_token ${integer} NOT NULL, PRIMARY KEY (job_id, stage, step))${clustered};
      CREATE TABLE test_sets (dataset_sha256 TEXT PRIMARY KEY REFERENCES dataset_versions (sha256),
        project_id TEXT NOT NULL, side TEXT NOT NULL, marked_by TEXT NOT NULL, marked_at ${integer} NOT NULL);
      CREATE TABLE evaluations (model_id TEXT NOT NULL REFERENCES model_versions (id), dataset_sha256 TEXT NOT NULL,
        frames ${integer} NOT NULL, shared_parts ${integer} NOT NULL, figures_json TEXT NOT NULL, at ${integer} NOT NULL,
        PRIMARY KEY (model_id, dataset_sha256));
      CREATE TABLE evaluation_frames (model_id TEXT NOT NULL, dataset_sha256 TEXT NOT NULL, image_sha256 TEXT NOT NULL,
        verdict TEXT NOT NULL, class TEXT, ng_score ${real},
        PRIMARY KEY (model_id, dataset_sha256, image_sha256))${clustered};
      CREATE TABLE releases (id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects (id), product TEXT NOT NULL,
        model_id TEXT NOT NULL REFERENCES model_versions (id), release_number ${integer} NOT NULL,
        back_from TEXT, state TEXT NOT NULL, stage TEXT,
        stage_since ${integer}, lines_json TEXT NOT NULL, canaries_json TEXT NOT NULL, criteria_json TEXT NOT NULL,
        gates_json TEXT NOT NULL, override_reason TEXT, reason TEXT NOT NULL, sentence TEXT NOT NULL,
        automatic ${integer} NOT NULL, created_by TEXT NOT NULL, created_at ${integer} NOT NULL,
        changed_at ${integer} NOT NULL);
      CREATE INDEX releases_of_project ON releases (project_id, created_at);
      CREATE TABLE device_reports (device_id TEXT PRIMARY KEY REFERENCES devices (id), at ${integer} NOT NULL,
        received_at ${integer} NOT NULL, json TEXT NOT NULL);
      CREATE TABLE drift_alarms (row ${counter}, device_id TEXT NOT NULL REFERENCES devices (id), stream TEXT NOT NULL,
        direction TEXT NOT NULL, at ${integer} NOT NULL, received_at ${integer} NOT NULL, json TEXT NOT NULL,
        seen_at ${integer}, seen_by TEXT, UNIQUE (device_id, stream, direction, at))`;
    for (const statement of statements.split(";")) await sql.raw(statement).execute(database);
  },
};

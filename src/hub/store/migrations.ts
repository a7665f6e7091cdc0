import { sql } from "kysely";
import { type Engine, type Migration, types } from "./migration.ts";
import { models } from "./models-migration.ts";

export type { Engine } from "./migration.ts";

/** What was written into the audit log stays as it is, whoever asks. */
const APPEND_ONLY_AUDIT: Readonly<Record<Engine, readonly string[]>> = {
  sqlite: ["UPDATE", "DELETE"].map(
    (change) => `CREATE TRIGGER audit_no_${change.toLowerCase()} BEFORE ${change} ON audit
      BEGIN SELECT RAISE (ABORT, 'the audit log is append only'); END`,
  ),
  postgres: [
    `CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'the audit log is append only'; END $$`,
    `CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`,
  ],
};

const first: Migration = {
  name: "0001-first",
  async up(database, engine) {
    const { bytes, integer, real, counter, clustered } = types(engine);
    const statements = `
      CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, problem TEXT NOT NULL, classes_json TEXT NOT NULL,
        max_escape ${real} NOT NULL, max_overkill ${real} NOT NULL, confidence ${real} NOT NULL, takt_ms ${real} NOT NULL,
        parts_per_day ${real} NOT NULL, defect_rate ${real} NOT NULL, escape_cost ${real} NOT NULL,
        overkill_cost ${real} NOT NULL, currency TEXT NOT NULL, created_at ${integer} NOT NULL);
      CREATE TABLE devices (id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects (id), line TEXT NOT NULL,
        credential_sha256 TEXT NOT NULL UNIQUE, enrolled_at ${integer} NOT NULL, revoked_at ${integer}, last_seen_at ${integer},
        daily_cases ${integer} NOT NULL, daily_bytes ${integer} NOT NULL);
      CREATE TABLE enrolment_codes (code_sha256 TEXT PRIMARY KEY, device_id TEXT NOT NULL,
        project_id TEXT NOT NULL REFERENCES projects (id), line TEXT NOT NULL, created_by TEXT NOT NULL,
        created_at ${integer} NOT NULL, expires_at ${integer} NOT NULL, used_at ${integer});
      CREATE TABLE images (sha256 TEXT PRIMARY KEY, bytes ${integer} NOT NULL, media_type TEXT NOT NULL,
        width_px ${integer} NOT NULL, height_px ${integer} NOT NULL, stored_at ${integer} NOT NULL, device_id TEXT,
        missing_since ${integer});
      CREATE TABLE image_senders (sha256 TEXT NOT NULL REFERENCES images (sha256), device_id TEXT NOT NULL,
        sent_at ${integer} NOT NULL, PRIMARY KEY (sha256, device_id));
      CREATE INDEX image_senders_day ON image_senders (device_id, sent_at);
      CREATE TABLE device_progress (device_id TEXT PRIMARY KEY, boot_seq ${integer} NOT NULL,
        verdict_seq ${integer} NOT NULL);
      CREATE TABLE lost_cases (id TEXT PRIMARY KEY, device_id TEXT NOT NULL, reasons ${integer} NOT NULL,
        cause TEXT NOT NULL, bytes ${integer} NOT NULL, lost_at ${integer} NOT NULL, told_at ${integer} NOT NULL);
      CREATE INDEX lost_cases_device ON lost_cases (device_id, told_at);
      CREATE TABLE cases (row ${counter}, id TEXT NOT NULL UNIQUE, project_id TEXT NOT NULL, device_id TEXT NOT NULL,
        line TEXT NOT NULL, part TEXT NOT NULL, captured_at ${integer} NOT NULL, received_at ${integer} NOT NULL,
        image_sha256 TEXT NOT NULL, crop_json TEXT, verdict TEXT NOT NULL, class TEXT, ng_score ${real}, model_name TEXT NOT NULL,
        model_version TEXT NOT NULL, model_sha256 TEXT NOT NULL, reasons ${integer} NOT NULL, selection_probability ${real},
        label TEXT, label_defect ${integer}, outcome TEXT, tag_set TEXT NOT NULL DEFAULT '', label_suspicion ${real},
        verdict_json TEXT NOT NULL, metadata_json TEXT NOT NULL);
      CREATE INDEX cases_captured ON cases (project_id, captured_at);
      CREATE INDEX cases_received ON cases (device_id, received_at);
      CREATE INDEX cases_suspicion ON cases (project_id, label_suspicion, row) WHERE label_suspicion IS NOT NULL;
      CREATE TABLE case_facets (facet ${integer} NOT NULL, case_row ${integer} NOT NULL,
        PRIMARY KEY (facet, case_row))${clustered};
      CREATE TABLE case_times (case_row ${integer} PRIMARY KEY, captured_at ${integer} NOT NULL);
      CREATE TABLE case_metadata (case_row ${integer} NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (case_row, key))${clustered};
      CREATE TABLE embeddings (case_row ${integer} PRIMARY KEY, model_sha256 TEXT NOT NULL, vector ${bytes} NOT NULL);
      CREATE TABLE sketches (case_row ${integer} PRIMARY KEY, project_id TEXT NOT NULL, model_sha256 TEXT NOT NULL, sketch ${bytes} NOT NULL);
      CREATE TABLE verdicts (device_id TEXT NOT NULL, boot_seq ${integer} NOT NULL, verdict_seq ${integer} NOT NULL,
        id TEXT NOT NULL, verdict TEXT NOT NULL, decided_at ${integer} NOT NULL, received_at ${integer} NOT NULL,
        json TEXT NOT NULL, PRIMARY KEY (device_id, boot_seq, verdict_seq));
      CREATE TABLE labels (row ${counter}, case_row ${integer} NOT NULL, label TEXT NOT NULL,
        label_defect ${integer} NOT NULL, outcome TEXT NOT NULL, by_user TEXT NOT NULL, at ${integer} NOT NULL, blind ${integer} NOT NULL, boxes_json TEXT NOT NULL, undone_at ${integer});
      CREATE INDEX labels_case ON labels (case_row);
      CREATE TABLE tags (id ${counter}, project_id TEXT NOT NULL REFERENCES projects (id), name TEXT NOT NULL,
        colour TEXT NOT NULL, description TEXT NOT NULL, created_by TEXT NOT NULL, created_at ${integer} NOT NULL,
        UNIQUE (project_id, name));
      CREATE TABLE case_tags (case_row ${integer} NOT NULL, tag_id ${integer} NOT NULL, by_user TEXT NOT NULL,
        at ${integer} NOT NULL, PRIMARY KEY (case_row, tag_id));
      CREATE INDEX case_tags_tag ON case_tags (tag_id, case_row);
      CREATE TABLE outcome_counts (project_id TEXT NOT NULL, model_version TEXT NOT NULL, outcome TEXT NOT NULL,
        tag_set TEXT NOT NULL, cases ${integer} NOT NULL, PRIMARY KEY (project_id, model_version, outcome, tag_set));
      CREATE TABLE work_orders (id TEXT PRIMARY KEY, project_id TEXT NOT NULL, tag_id ${integer}, kind TEXT NOT NULL,
        title TEXT NOT NULL, detail TEXT NOT NULL, owner TEXT NOT NULL, status TEXT NOT NULL, expected_gain ${real},
        measured_gain ${real}, sampling_rule_json TEXT, created_by TEXT NOT NULL, created_at ${integer} NOT NULL,
        closed_at ${integer});
      CREATE TABLE saved_filters (id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, query TEXT NOT NULL,
        created_by TEXT NOT NULL, created_at ${integer} NOT NULL, UNIQUE (project_id, name));
      CREATE TABLE dataset_versions (sha256 TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL,
        parent_sha256 TEXT, cases ${integer} NOT NULL, note TEXT NOT NULL, created_by TEXT NOT NULL,
        created_at ${integer} NOT NULL, list_id TEXT NOT NULL UNIQUE, filter_json TEXT NOT NULL,
        report_json TEXT NOT NULL);
      CREATE INDEX dataset_versions_series ON dataset_versions (project_id, name, created_at);
      CREATE TABLE dataset_items (list_id TEXT NOT NULL, image_sha256 TEXT NOT NULL, json TEXT NOT NULL,
        contradicted ${integer} NOT NULL, PRIMARY KEY (list_id, image_sha256));
      CREATE TABLE users (name TEXT PRIMARY KEY, password_hash TEXT, role TEXT NOT NULL, oidc_subject TEXT UNIQUE,
        created_at ${integer} NOT NULL, disabled_at ${integer}, password_once ${integer} NOT NULL DEFAULT 0);
      CREATE TABLE api_tokens (id TEXT PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE,
        user_name TEXT NOT NULL REFERENCES users (name), purpose TEXT NOT NULL, role TEXT NOT NULL,
        created_at ${integer} NOT NULL, expires_at ${integer} NOT NULL, revoked_at ${integer});
      CREATE TABLE sessions (token_sha256 TEXT PRIMARY KEY, user_name TEXT NOT NULL REFERENCES users (name),
        created_at ${integer} NOT NULL, expires_at ${integer} NOT NULL);
      CREATE TABLE audit (row ${counter}, at ${integer} NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, detail_json TEXT NOT NULL);
      CREATE TABLE jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, project_id TEXT NOT NULL, state TEXT NOT NULL,
        payload_json TEXT NOT NULL, progress ${real} NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '', result_json TEXT,
        lease_owner TEXT, lease_until ${integer}, fencing_token ${integer} NOT NULL DEFAULT 0,
        attempts ${integer} NOT NULL DEFAULT 0, cancel_requested ${integer} NOT NULL DEFAULT 0, created_by TEXT NOT NULL,
        created_at ${integer} NOT NULL, finished_at ${integer});
      CREATE INDEX jobs_open ON jobs (state, created_at);`;
    for (const statement of statements.split(";")) {
      if (statement.trim() !== "") await sql.raw(statement).execute(database);
    }
    // The few facets with long lists have to be known as such: the planner would sort them where it took them for short.
    if (engine === "postgres") {
      await sql`ALTER TABLE case_facets ALTER COLUMN facet SET STATISTICS 1000`.execute(database);
    }
    for (const statement of APPEND_ONLY_AUDIT[engine]) await sql.raw(statement).execute(database);
  },
};

/** How the frame of a verdict looks; null for those that came before. Both engines add it without a look at the rows. */
const imageStatistics: Migration = {
  name: "0003-image-statistics",
  async up(database) {
    await sql`ALTER TABLE verdicts ADD COLUMN statistics_json TEXT`.execute(database);
  },
};

/** In order. */
export const MIGRATIONS: readonly Migration[] = [first, models, imageStatistics];

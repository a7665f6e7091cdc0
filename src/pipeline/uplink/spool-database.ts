import { DatabaseSync } from "node:sqlite";

const PAGE_BYTES = 4096;
const LOG_PAGES = 256;
const SCHEMA_VERSION = 1;

const SCHEMA = `
CREATE TABLE cases (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE, -- of the verdict
  revision INTEGER NOT NULL DEFAULT 1,
  priority INTEGER NOT NULL,
  sha256 TEXT NOT NULL, -- names the file; several cases may share one
  bytes INTEGER NOT NULL,
  added_at INTEGER NOT NULL, -- Unix ms
  refusals INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER NOT NULL DEFAULT 0, -- Unix ms
  orders TEXT NOT NULL, -- ids of the sampling rules that drew it, JSON
  upload TEXT NOT NULL
) STRICT;
CREATE INDEX cases_order ON cases (priority DESC, row);
CREATE INDEX cases_image ON cases (sha256, bytes);
-- What figures are counted from, without reading uploads.
CREATE INDEX cases_figures ON cases (added_at, refusals);
CREATE INDEX cases_orders ON cases (orders) WHERE orders <> '[]';
CREATE TABLE lost (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  json TEXT NOT NULL
) STRICT;
CREATE TABLE days (day TEXT PRIMARY KEY, cases INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE kept (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
CREATE TABLE totals (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  sent_cases INTEGER NOT NULL,
  sent_bytes INTEGER NOT NULL,
  lost_cases INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0);
PRAGMA user_version = ${SCHEMA_VERSION};`;

/** Opens or makes the spool's database, for this process alone. Throws what SQLite throws, and for a newer schema. */
export function openSpoolDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 1000 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    const isNew = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]) === 0;
    if (isNew) database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`);
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${LOG_PAGES};
      PRAGMA journal_size_limit = ${LOG_PAGES * PAGE_BYTES};
      PRAGMA temp_store = MEMORY;
      PRAGMA trusted_schema = OFF;`);
    const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (found > SCHEMA_VERSION) throw new Error(`${path} was written by a newer version of this program`);
    if (found === 0) database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Bytes the database takes on the disk, its log at its largest included. */
export const databaseBytes = (database: DatabaseSync): number =>
  (Number(database.prepare("PRAGMA page_count").get()?.["page_count"]) + 2 * LOG_PAGES) * PAGE_BYTES;

export const isDamaged = (error: unknown): boolean => {
  const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return typeof code === "number" && [11, 26].includes(code & 0xff);
};

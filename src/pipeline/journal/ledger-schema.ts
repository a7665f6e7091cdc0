import { DatabaseSync } from "node:sqlite";
import { SightlineError } from "../../contracts/errors.ts";
import { LOG_CAP_BYTES, PAGE_BYTES } from "./journal-options.ts";

export const SCHEMA_VERSION = 1;

/** Before this release two connections could corrupt a database in WAL mode (sqlite.org, "WAL-reset bug"). */
const SAFE_SQLITE = [3, 51, 3] as const;

const SCHEMA = `
CREATE TABLE boots (
  boot_seq INTEGER PRIMARY KEY,
  started_at TEXT NOT NULL,
  sqlite_version TEXT NOT NULL
) STRICT;
CREATE TABLE triggers (
  row INTEGER PRIMARY KEY,
  trigger_id TEXT NOT NULL UNIQUE,
  request_id TEXT,
  part TEXT NOT NULL,
  source TEXT, -- null: the trigger itself could not be written, its verdict could
  received_at TEXT NOT NULL,
  decided INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX triggers_request ON triggers (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX triggers_open ON triggers (row) WHERE decided = 0;
CREATE TABLE verdicts (
  row INTEGER PRIMARY KEY, -- gap-free in order of recording; the broker's and the hub's marks are rows
  id TEXT NOT NULL UNIQUE,
  trigger_id TEXT NOT NULL UNIQUE, -- one trigger, one verdict
  boot_seq INTEGER NOT NULL,
  verdict_seq INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  recorded_at INTEGER NOT NULL, -- Unix ms
  json TEXT NOT NULL,
  statistics TEXT, -- JSON: how its frame looks, for the hub; null: not known
  UNIQUE (boot_seq, verdict_seq)
) STRICT;
CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at TEXT NOT NULL,
  action TEXT NOT NULL,
  verdict_id TEXT,
  by TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE TABLE ledger (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  last_row INTEGER NOT NULL,
  sent_row INTEGER NOT NULL,
  acknowledged_row INTEGER NOT NULL,
  triggers INTEGER NOT NULL,
  verdicts INTEGER NOT NULL
) STRICT;
INSERT INTO ledger VALUES (1, 0, 0, 0, 0, 0);
PRAGMA user_version = ${SCHEMA_VERSION};`;

/** Throws JOURNAL_UNSAFE for an SQLite that is known to corrupt. */
export function assertSafeSqlite(version: string): void {
  const numbers = version.split(".").map(Number);
  const order = SAFE_SQLITE.map((least, place) => (numbers[place] ?? 0) - least).find((difference) => difference !== 0);
  if (order !== undefined && !(order > 0))
    throw new SightlineError(
      "JOURNAL_UNSAFE",
      `SQLite ${version} can corrupt a journal; ${SAFE_SQLITE.join(".")} or newer is needed: ` +
        "use the Node version that package.json names",
    );
}

/**
 * Opens or makes the journal. The lock is exclusive for as long as it is open: no second process, and no older sqlite3
 * program, can write it. Throws JOURNAL_UNSAFE (newer schema, unsafe SQLite) and what SQLite throws.
 */
export function openLedgerDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 1000 });
  try {
    // Before anything looks into the file: only then the log's index is kept in memory and not in a file of its own.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    const version = String(database.prepare("SELECT sqlite_version() AS version").get()?.["version"]);
    assertSafeSqlite(version);
    // Set at every start they would write the file, which a full disk or a damaged file must be spared.
    const isNew = database.prepare("PRAGMA page_count").get()?.["page_count"] === 0;
    if (isNew) database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`);
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${LOG_CAP_BYTES / PAGE_BYTES};
      PRAGMA journal_size_limit = ${LOG_CAP_BYTES};
      PRAGMA mmap_size = 0;
      PRAGMA temp_store = MEMORY;
      PRAGMA trusted_schema = OFF;`);
    migrate(database, path);
    addStatistics(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (found > SCHEMA_VERSION)
    throw new SightlineError(
      "JOURNAL_UNSAFE",
      `${path} was written by a newer version of this program (schema ${found}, this one knows ${SCHEMA_VERSION}): ` +
        "install that version again, or move the file away",
    );
  if (found === SCHEMA_VERSION) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    database.exec(SCHEMA);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

export const hasStatistics = (database: DatabaseSync): boolean =>
  database.prepare("SELECT 1 FROM pragma_table_info('verdicts') WHERE name = 'statistics'").get() !== undefined;

/**
 * To a journal that an earlier version began, which can go on writing it: the schema's number stays. SQLite looks through
 * all rows for that, once. A disk that has no room for it must not keep the device from starting: then it comes later.
 */
function addStatistics(database: DatabaseSync): void {
  if (hasStatistics(database)) return;
  try {
    database.exec("ALTER TABLE verdicts ADD COLUMN statistics TEXT");
  } catch (error) {
    const trouble = diskTrouble(error);
    if (trouble !== "full" && trouble !== "input-output") throw error;
  }
}

export type DiskTrouble = "full" | "damaged" | "input-output" | "locked" | "other";

/** What kind of failure SQLite reports (result codes: sqlite.org/rescode.html). */
export function diskTrouble(error: unknown): DiskTrouble {
  const extended = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  const code = typeof extended === "number" ? extended & 0xff : -1;
  if (code === 13) return "full";
  if (code === 11 || code === 26) return "damaged";
  if (code === 10 || code === 14 || code === 8) return "input-output";
  if (code === 5 || code === 6) return "locked";
  return "other";
}

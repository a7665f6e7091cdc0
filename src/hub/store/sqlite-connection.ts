import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { SqliteDatabase, SqliteStatement } from "kysely";

const CACHED_STATEMENTS = 256;
const CACHE_KIB = 65_536;

/**
 * Node's own SQLite behind the interface that Kysely's dialect expects. `synchronous=FULL`: a row that was acknowledged
 * survives a power cut (docs/decisions/journal.md).
 */
export function openSqlite(path: string): SqliteDatabase {
  const database = new DatabaseSync(path, { timeout: 5000 });
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -${CACHE_KIB};`);
  const cache = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = cache.get(sql);
      if (known !== undefined) return known;
      if (cache.size >= CACHED_STATEMENTS) cache.clear();
      const statement = wrap(database.prepare(sql));
      cache.set(sql, statement);
      return statement;
    },
  };
}

/** Kysely hands over what was written in TypeScript; anything but these types is a bug of the query. */
const asInputs = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];

const wrap = (statement: StatementSync): SqliteStatement => ({
  reader: statement.columns().length > 0,
  all: (parameters) => statement.all(...asInputs(parameters)),
  run: (parameters) => statement.run(...asInputs(parameters)),
  iterate: (parameters) => statement.iterate(...asInputs(parameters)),
});

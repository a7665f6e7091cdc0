import { Kysely, PostgresDialect, sql, SqliteDialect } from "kysely";
import pg from "pg";
import { type Engine, MIGRATIONS } from "./migrations.ts";
import { openSqlite } from "./sqlite-connection.ts";
import type { Tables } from "./tables.ts";

/** Where the hub keeps its rows. */
export type DatabaseSettings =
  | { readonly engine: "sqlite"; readonly path: string }
  | { readonly engine: "postgres"; readonly url: string; readonly connections: number };

export interface Database {
  readonly engine: Engine;
  readonly query: Kysely<Tables>;
  close(): Promise<void>;
}

const POSTGRES_INT8 = 20;
/** Any number: all hub processes that migrate wait for one another on it. */
const MIGRATION_LOCK = 7_421_907;

/** Opens the database and brings its tables up to date. Throws what the engine throws. */
export async function openDatabase(settings: DatabaseSettings): Promise<Database> {
  const query = new Kysely<Tables>({
    dialect:
      settings.engine === "sqlite"
        ? new SqliteDialect({ database: openSqlite(settings.path) })
        : new PostgresDialect({ pool: openPool(settings.url, settings.connections) }),
  });
  try {
    await migrate(query, settings.engine);
  } catch (error) {
    await query.destroy();
    throw error;
  }
  return { engine: settings.engine, query, close: () => query.destroy() };
}

/** Counters and times fit a double (2^53): int8 columns come as numbers. */
function openPool(url: string, connections: number): pg.Pool {
  const types = {
    getTypeParser: (oid: number, format?: "text" | "binary"): unknown =>
      oid === POSTGRES_INT8 ? Number : pg.types.getTypeParser(oid, format === "binary" ? "binary" : "text"),
  };
  return new pg.Pool({ connectionString: url, max: connections, types: types as pg.CustomTypesConfig });
}

async function migrate(database: Kysely<Tables>, engine: Engine): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    if (engine === "postgres") await sql`SELECT pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(transaction);
    await sql`CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)`.execute(transaction);
    const { rows } = await sql<{ name: string }>`SELECT name FROM migrations`.execute(transaction);
    const done = new Set(rows.map(({ name }) => name));
    for (const { name, up } of MIGRATIONS) {
      if (done.has(name)) continue;
      await up(transaction, engine);
      await sql`INSERT INTO migrations (name) VALUES (${name})`.execute(transaction);
    }
  });
}

import { sql } from "kysely";
import type { Database } from "./database.ts";

/**
 * After many rows came at once: SQLite's log goes into the database, PostgreSQL's statistics are made anew. In daily life
 * both do so by themselves.
 */
export async function settleDatabase({ engine, query }: Database): Promise<void> {
  if (engine === "sqlite") await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(query);
  else await sql`VACUUM ANALYZE`.execute(query);
}

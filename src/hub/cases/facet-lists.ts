import { sql, type Transaction } from "kysely";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";
import type { Facet } from "./facets.ts";

export interface FacetEntry {
  readonly facet: Facet;
  readonly case_row: number;
}

/** Rows in one statement: 25 columns each stay below the 32,766 parameters of SQLite. */
const MOST_ROWS = 1000;

export function* inChunks<T>(items: readonly T[], size = MOST_ROWS): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/**
 * Entries that are there already stay. A case has some twenty: they go to the engine as one JSON text, five times faster
 * than as parameters.
 */
export async function addFacets(
  { engine }: Database,
  transaction: Transaction<Tables>,
  entries: readonly FacetEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const sorted = entries.toSorted((left, right) => left.facet - right.facet || left.case_row - right.case_row);
  const pairs = JSON.stringify(sorted.map(({ facet, case_row }) => [facet, case_row]));
  const table =
    engine === "sqlite"
      ? sql`SELECT value ->> 0, value ->> 1 FROM json_each(${pairs}) WHERE true`
      : sql`SELECT (value ->> 0)::bigint, (value ->> 1)::bigint FROM json_array_elements(${pairs}::json)`;
  await sql`INSERT INTO case_facets (facet, case_row) ${table} ON CONFLICT DO NOTHING`.execute(transaction);
}

export async function removeFacet(
  transaction: Transaction<Tables>,
  facet: Facet,
  rows: readonly number[],
): Promise<void> {
  for (const some of inChunks(rows)) {
    await transaction.deleteFrom("case_facets").where("facet", "=", facet).where("case_row", "in", some).execute();
  }
}

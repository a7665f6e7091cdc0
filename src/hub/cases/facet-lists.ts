import type { Transaction } from "kysely";
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

/** Entries that are there already stay. */
export async function addFacets(transaction: Transaction<Tables>, entries: readonly FacetEntry[]): Promise<void> {
  for (const some of inChunks(entries)) {
    await transaction
      .insertInto("case_facets")
      .values([...some])
      .onConflict((conflict) => conflict.columns(["facet", "case_row"]).doNothing())
      .execute();
  }
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

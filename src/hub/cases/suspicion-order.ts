import { sql } from "kysely";
import type { Database } from "../store/database.ts";
import { summariesOf } from "./case-row.ts";
import type { Page } from "./page.ts";
import { fitness, type Walk } from "./walk.ts";

interface SuspicionPage {
  readonly walk: Walk;
  readonly project: string;
  readonly limit: number;
  readonly beforeRow?: number;
}

const MOST_WALKED = 2048;

/** Cases whose label is suspected, the most suspected first; the cursor is the row of the last one looked at. */
export async function suspicionPage(
  database: Database,
  { walk, project, limit, beforeRow }: SuspicionPage,
): Promise<Page> {
  const after = beforeRow === undefined ? undefined : await placeOf(database, beforeRow);
  const beyond = after === undefined ? sql`` : sql`AND (label_suspicion, row) < (${after.suspicion}, ${after.row})`;
  const { rows } = await sql<{ row: number; fits: number }>`
    SELECT case_row AS row, ${fitness(walk, null)} AS fits FROM (
      SELECT row AS case_row, label_suspicion FROM cases
      WHERE project_id = ${project} AND label_suspicion IS NOT NULL ${beyond}
      ORDER BY label_suspicion DESC, row DESC LIMIT ${MOST_WALKED}) AS walked
    ORDER BY label_suspicion DESC, case_row DESC`.execute(database.query);
  const fitting = rows.filter(({ fits }) => fits === 1).map(({ row }) => row);
  const shown = fitting.slice(0, limit);
  const last = fitting.length > limit ? shown.at(-1) : rows.length === MOST_WALKED ? rows.at(-1)?.row : undefined;
  return { cases: await summariesOf(database, shown), nextBeforeRow: last ?? null };
}

/** A case whose suspicion was lifted meanwhile stands at the end: the next page is then empty, not wrong. */
async function placeOf(database: Database, row: number): Promise<{ suspicion: number; row: number }> {
  const found = await database.query
    .selectFrom("cases")
    .select("label_suspicion")
    .where("row", "=", row)
    .executeTakeFirst();
  return { suspicion: found?.label_suspicion ?? -1, row };
}

import { sql } from "kysely";
import { shuffle, seededRandom } from "../../platform/random.ts";
import type { Database } from "../store/database.ts";
import type { CaseFilter } from "./case-filter.ts";
import { type CaseSummary, summariesOf } from "./case-row.ts";
import { everythingOf, facetsOfFilter, timeLists } from "./facets.ts";
import type { Page, PageRequest } from "./page.ts";
import { type Candidate, candidates, countCandidates, mostWalked, sparsest, startOf, type Walk } from "./walk.ts";
import { suspicionPage } from "./suspicion-order.ts";

export { caseById } from "./case-row.ts";
export type { Page, PageRequest } from "./page.ts";

/** Rows that one page may look at; a filter of values that rarely meet goes on in the next page, from there. */
export const MOST_WALKED = 2048;
/** Rows that a count may look at. */
const MOST_COUNTED = 10_000;
/** Where nothing has to be looked up besides. */
const MOST_COUNTED_ALONE = 50_000;
const FIRST_CHUNK = 128;

/** The cases that a filter lets through. Costs the same however many cases there are. */
export async function findCases(database: Database, filter: CaseFilter, page: PageRequest): Promise<Page> {
  const walk = await walkOf(database, filter, page.order === "oldest" ? "up" : "down");
  if (page.order === "suspicion") return suspicionPage(database, { walk, project: filter.project, ...page });
  let cursor = page.beforeRow ?? startOf(walk.direction);
  const walked = await sparsest(database, walk, cursor);
  const found: number[] = [];
  let left = mostWalked(walked, MOST_WALKED);
  let chunk = Math.max(FIRST_CHUNK, page.limit + 1);
  while (left > 0) {
    const count = Math.min(chunk, left);
    const next = await candidates(database, walk, { walked, cursor, count });
    const rest = take(next, page.limit - found.length, found);
    if (rest !== null) return { cases: await summariesOf(database, found), nextBeforeRow: rest };
    if (next.length < count) return { cases: await summariesOf(database, found), nextBeforeRow: null };
    cursor = next.at(-1)?.row ?? cursor;
    left -= count;
    chunk *= 4;
  }
  return { cases: await summariesOf(database, found), nextBeforeRow: cursor };
}

/** Takes up to `wanted` fitting rows; returns the last one taken where another follows it, else null. */
function take(next: readonly Candidate[], wanted: number, found: number[]): number | null {
  let taken = 0;
  for (const { row, fits } of next) {
    if (!fits) continue;
    if (taken === wanted) return found.at(-1) ?? row;
    found.push(row);
    taken++;
  }
  return null;
}

/** How many cases a filter lets through; not exact where `atMost` or the bound of the walk was reached. */
export async function countCases(
  database: Database,
  filter: CaseFilter,
  { atMost }: { readonly atMost: number },
): Promise<{ count: number; exact: boolean }> {
  const walk = await walkOf(database, filter, "down");
  const cursor = startOf("down");
  const walked = await sparsest(database, walk, cursor);
  const alone = walk.conditions.length <= 1 && walk.from === undefined && walk.to === undefined;
  const most = alone ? Math.min(atMost + 1, mostWalked(walked, MOST_COUNTED_ALONE)) : mostWalked(walked, MOST_COUNTED);
  const { walked: seen, fitting } = await countCandidates(database, walk, { walked, cursor, count: most });
  return { count: Math.min(fitting, atMost), exact: seen < most && fitting <= atMost };
}

/** Errors that a sample is drawn from; the newest where there are more. */
const MOST_SAMPLED_FROM = 100_000;

/**
 * A sample of `count` errors that the filter lets through, each with the same chance; the same seed draws the same sample
 * while the cases stay the same. All of them, in random order, where there are fewer.
 */
export async function randomErrors(
  database: Database,
  filter: CaseFilter,
  count: number,
  seed: number,
): Promise<CaseSummary[]> {
  const walk = await walkOf(database, { ...filter, errorsOnly: true }, "down");
  const cursor = startOf("down");
  const walked = await sparsest(database, walk, cursor);
  const all = await candidates(database, walk, { walked, cursor, count: MOST_SAMPLED_FROM });
  const errors = all.filter(({ fits }) => fits).map(({ row }) => row);
  return summariesOf(database, shuffle(errors, seededRandom(seed)).slice(0, count));
}

/** An open end of the time range is closed by what there is, so that it can be walked as days or months. */
async function walkOf(database: Database, filter: CaseFilter, direction: Walk["direction"]): Promise<Walk> {
  const { project, from, to } = filter;
  const conditions = facetsOfFilter(filter);
  const everything = everythingOf(project);
  if (from === undefined && to === undefined) {
    // One list alone cannot be bettered.
    return { conditions, detours: conditions.length === 0 ? [everything] : [], from, to, direction };
  }
  const { rows } = await sql<{ first: number | null; last: number | null }>`SELECT
    (SELECT min(captured_at) FROM cases WHERE project_id = ${project}) AS first,
    (SELECT max(captured_at) FROM cases WHERE project_id = ${project}) AS last`.execute(database.query);
  const closed = {
    from: Math.max(from ?? 0, rows[0]?.first ?? 0),
    to: Math.min(to ?? Number.MAX_SAFE_INTEGER, (rows[0]?.last ?? 0) + 1),
  };
  return { conditions, detours: [...timeLists({ project, ...closed }), everything], ...closed, direction };
}

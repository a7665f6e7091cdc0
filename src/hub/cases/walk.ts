import { type RawBuilder, sql } from "kysely";
import type { Database } from "../store/database.ts";
import type { AnyOf, Facet } from "./facets.ts";

/** Towards which rows a list is read: `down` from the newest, `up` from the oldest. */
export type Direction = "down" | "up";

export interface Walk {
  /** All must hold. */
  readonly conditions: readonly AnyOf[];
  /** Lists that may be walked but say nothing that is not asked otherwise: the time as days, all cases of the project. */
  readonly detours: readonly AnyOf[];
  /** Unix ms of capture, from (inclusive) to (exclusive). */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly direction: Direction;
}

/** A row of the list that is walked, and whether all other conditions hold for it. */
export interface Candidate {
  readonly row: number;
  readonly fits: boolean;
}

/** The row before all others in this direction. */
export const startOf = (direction: Direction): number => (direction === "down" ? Number.MAX_SAFE_INTEGER : -1);

/** Entries by which a list's density is judged, from the cursor on. */
const PROBED = 256;

/**
 * The list that is cheapest to walk from `cursor` on, while the other conditions are looked up: that with the fewest
 * entries a row, by small statistics that are read from the lists themselves and so never stale. Costs 256 index entries
 * a facet.
 */
export async function sparsest(database: Database, walk: Walk, cursor: number): Promise<AnyOf> {
  const lists = [...walk.conditions, ...walk.detours];
  const [only = [], ...others] = lists;
  if (others.length === 0) return only;
  const facets = [...new Set(lists.flat())];
  const probes = facets.map((facet) => sql`(${list(facet, cursor, walk.direction, 1, PROBED - 1)})`);
  const columns = probes.map((probe, at) => sql`${probe} AS ${sql.id(`p${at}`)}`);
  const { rows } = await sql<Record<string, number | null>>`SELECT ${sql.join(columns)}`.execute(database.query);
  const edge = await edgeOf(database, walk, cursor);
  const density = new Map(
    facets.map((facet, at) => {
      const reached = rows[0]?.[`p${at}`] ?? null;
      return [facet, reached === null ? 0 : PROBED / Math.max(1, Math.abs(edge - reached))];
    }),
  );
  // Every list of a condition is read as far as the others.
  const cost = (condition: AnyOf): number =>
    condition.reduce((sum, facet) => sum + (density.get(facet) ?? 0), 0) * Math.max(1, condition.length / FREE_LISTS);
  return lists.reduce((best, next) => (cost(next) < cost(best) ? next : best));
}

/** Lists of one condition that cost no more than one. */
const FREE_LISTS = 4;

/** How many rows of a condition may be walked, where one list would be walked `most` far. */
export const mostWalked = (walked: AnyOf, most: number): number =>
  Math.max(512, Math.floor(most / Math.max(1, walked.length / FREE_LISTS)));

/** Where the cursor stands among the rows there are. */
async function edgeOf(database: Database, { direction }: Walk, cursor: number): Promise<number> {
  if (direction === "up") return Math.max(0, cursor);
  const { newest } = await database.query
    .selectFrom("cases")
    .select(({ fn }) => fn.max("row").as("newest"))
    .executeTakeFirstOrThrow();
  return Math.min(cursor, (newest ?? 0) + 1);
}

/** Up to `count` rows of the walked condition beyond `cursor`, in order; fewer: the list ends there. */
export async function candidates(
  database: Database,
  walk: Walk,
  { walked, cursor, count }: { readonly walked: AnyOf; readonly cursor: number; readonly count: number },
): Promise<Candidate[]> {
  if (walked.length === 0) return [];
  const { rows } = await sql<{ row: number; fits: number }>`
    SELECT case_row AS row, ${fitness(walk, walked)} AS fits
    FROM (${union(walked, cursor, walk.direction, count)}) AS walked
    ORDER BY case_row ${way(walk.direction)}`.execute(database.query);
  return rows.map(({ row, fits }) => ({ row, fits: fits === 1 }));
}

/** How many of the next `count` rows of the walked condition fit, and how many rows there were. */
export async function countCandidates(
  database: Database,
  walk: Walk,
  { walked, cursor, count }: { readonly walked: AnyOf; readonly cursor: number; readonly count: number },
): Promise<{ readonly walked: number; readonly fitting: number }> {
  if (walked.length === 0) return { walked: 0, fitting: 0 };
  const { rows } = await sql<{ walked: number; fitting: number | null }>`
    SELECT count(*) AS walked, CAST(sum(${fitness(walk, walked)}) AS BIGINT) AS fitting
    FROM (${union(walked, cursor, walk.direction, count)}) AS walked`.execute(database.query);
  return { walked: rows[0]?.walked ?? 0, fitting: rows[0]?.fitting ?? 0 };
}

/**
 * 1 where all conditions but the walked one hold for `case_row`, else 0. Scalar subqueries, because PostgreSQL turns
 * EXISTS into a join that may read a list of a million to test a hundred rows.
 */
export function fitness(walk: Pick<Walk, "conditions" | "from" | "to">, walked: AnyOf | null): RawBuilder<number> {
  const misses = walk.conditions
    .filter((condition) => condition !== walked)
    .map((condition) => sql`WHEN ${entriesOf(condition)} = 0 THEN 0`);
  if (walk.from !== undefined || walk.to !== undefined) {
    const from = walk.from ?? -Number.MAX_SAFE_INTEGER;
    const to = walk.to ?? Number.MAX_SAFE_INTEGER;
    misses.push(sql`WHEN (SELECT count(*) FROM case_times AS timed
      WHERE timed.case_row = walked.case_row AND timed.captured_at >= ${from} AND timed.captured_at < ${to}) = 0 THEN 0`);
  }
  return misses.length === 0 ? sql`1` : sql`CASE ${sql.join(misses, sql` `)} ELSE 1 END`;
}

const entriesOf = (condition: AnyOf): RawBuilder<number> =>
  condition.length === 0
    ? sql`0`
    : sql`(SELECT count(*) FROM case_facets AS other WHERE other.facet IN (${sql.join(condition)})
        AND other.case_row = walked.case_row)`;

const way = (direction: Direction): RawBuilder<unknown> => (direction === "down" ? sql`DESC` : sql`ASC`);

function list(facet: Facet, cursor: number, direction: Direction, count: number, skip = 0): RawBuilder<unknown> {
  const beyond = direction === "down" ? sql`case_row < ${cursor}` : sql`case_row > ${cursor}`;
  return sql`SELECT case_row FROM case_facets WHERE facet = ${facet} AND ${beyond}
    ORDER BY case_row ${way(direction)} LIMIT ${count} OFFSET ${skip}`;
}

/** The lists as one: each row once, the first `count`. Every list gives as many, so that none is missed. */
function union(facets: AnyOf, cursor: number, direction: Direction, count: number): RawBuilder<unknown> {
  const [first, ...others] = facets;
  if (first !== undefined && others.length === 0) return list(first, cursor, direction, count);
  const lists = facets.map(
    (facet, at) => sql`SELECT * FROM (${list(facet, cursor, direction, count)}) AS ${sql.id(`l${at}`)}`,
  );
  return sql`SELECT DISTINCT case_row FROM (${sql.join(lists, sql` UNION ALL `)}) AS lists
    ORDER BY case_row ${way(direction)} LIMIT ${count}`;
}

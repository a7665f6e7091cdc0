import { type CaseSummary, summariesOf } from "../cases/case-row.ts";
import type { Database } from "../store/database.ts";

/** The cases of a list of ids, in its order; those of other projects, or gone meanwhile, are left out. */
export async function similarSummaries(
  database: Database,
  project: string,
  found: readonly { readonly id: string; readonly similarity: number }[],
): Promise<(CaseSummary & { readonly similarity: number })[]> {
  if (found.length === 0) return [];
  const rows = await database.query
    .selectFrom("cases")
    .select("row")
    .where("project_id", "=", project)
    .where(
      "id",
      "in",
      found.map(({ id }) => id),
    )
    .execute();
  const summaries = await summariesOf(
    database,
    rows.map(({ row }) => row),
  );
  const byId = new Map(summaries.map((each) => [each.id, each]));
  return found.flatMap(({ id, similarity }) => {
    const each = byId.get(id);
    return each === undefined ? [] : [{ ...each, similarity }];
  });
}

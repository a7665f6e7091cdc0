import { sql } from "kysely";
import { facetOf } from "../cases/facets.ts";
import type { Database } from "../store/database.ts";

export interface ModelVersion {
  readonly version: string;
  /** When its first case arrived, Unix ms. */
  readonly since: number;
}

/** Versions with labelled cases, in the order in which their first case arrived: version names need not sort. */
export async function modelVersions(database: Database, project: string): Promise<ModelVersion[]> {
  const named = await database.query
    .selectFrom("outcome_counts")
    .select("model_version")
    .distinct()
    .where("project_id", "=", project)
    .execute();
  const versions = await Promise.all(
    named.map(async ({ model_version: version }) => {
      const { rows } = await sql<{ since: number }>`SELECT received_at AS since FROM cases WHERE row =
        (SELECT min(case_row) FROM case_facets WHERE facet = ${facetOf(project, "model", version)})`.execute(
        database.query,
      );
      return { version, since: rows[0]?.since ?? 0 };
    }),
  );
  return versions.sort((one, other) => one.since - other.since || (one.version < other.version ? -1 : 1));
}

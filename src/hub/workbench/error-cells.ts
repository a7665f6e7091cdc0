import type { OutcomeCell } from "../../analysis/outcome-cell.ts";
import { outcomeCounts } from "../cases/outcome-counts.ts";
import { listTags, type Tag } from "../cases/tag-cases.ts";
import type { Database } from "../store/database.ts";

export interface ErrorCells {
  readonly cells: readonly OutcomeCell[];
  readonly tags: readonly Tag[];
}

/** The counts behind the error table, tags by name. */
export async function errorCells(database: Database, project: string): Promise<ErrorCells> {
  const [counts, tags] = await Promise.all([outcomeCounts(database, project), listTags(database, project)]);
  const names = new Map(tags.map(({ id, name }) => [id, name]));
  const cells = counts.map(({ modelVersion, outcome, tagIds, cases }) => ({
    modelVersion,
    outcome,
    tags: tagIds.map((id) => names.get(id) ?? `tag ${id}`),
    cases,
  }));
  return { cells, tags };
}

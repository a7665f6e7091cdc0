import type { Selectable, Transaction } from "kysely";
import { SightlineError } from "../../contracts/errors.ts";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";
import { inChunks } from "./facet-lists.ts";

const COLUMNS = [
  "row",
  "id",
  "project_id",
  "verdict",
  "class",
  "model_version",
  "label",
  "label_defect",
  "outcome",
  "tag_set",
] as const satisfies readonly (keyof Tables["cases"])[];

export type LockedCase = Pick<Selectable<Tables["cases"]>, (typeof COLUMNS)[number]>;

/**
 * The cases as they are until the transaction ends: nobody else labels or tags them meanwhile. In the order of their rows,
 * so that two such transactions never wait for each other. Throws SightlineError UNKNOWN_CASE.
 */
export async function lockCases(
  { engine }: Database,
  transaction: Transaction<Tables>,
  caseIds: readonly string[],
): Promise<LockedCase[]> {
  const ids = [...new Set(caseIds)].sort(); // ids rise in time, as rows do
  const found: LockedCase[] = [];
  for (const some of inChunks(ids)) {
    const cases = transaction.selectFrom("cases").select(COLUMNS).where("id", "in", some).orderBy("row");
    found.push(...(await (engine === "postgres" ? cases.forUpdate() : cases).execute()));
  }
  if (found.length < ids.length) {
    const known = new Set(found.map(({ id }) => id));
    const missing = ids.find((id) => !known.has(id)) ?? "";
    throw new SightlineError("UNKNOWN_CASE", `the hub has no case ${missing}; it may name another hub's`);
  }
  return found;
}

import type { Transaction } from "kysely";
import { SightlineError } from "../../contracts/errors.ts";
import { HARD_CASE_REASONS, type HardCaseReason } from "../../contracts/verdict.ts";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";
import { addFacets, inChunks } from "./facet-lists.ts";
import { reasonFacet } from "./facets.ts";

/** A case that was sent again. */
export interface KnownCase {
  readonly id: string;
  readonly device: string;
  /** Bits: of HARD_CASE_REASONS. */
  readonly reasons: number;
}

export const reasonBits = (reasons: readonly HardCaseReason[]): number =>
  reasons.reduce((bits, reason) => bits | (1 << HARD_CASE_REASONS.indexOf(reason)), 0);

export const reasonsOfBits = (bits: number): HardCaseReason[] =>
  HARD_CASE_REASONS.filter((_, bit) => (bits & (1 << bit)) !== 0);

/**
 * Adds what a device says of its cases later: a person flagged the part after it was sent. Nothing else of the case
 * changes, least of all its selection probability: rates are estimated by the chance with which a case was first chosen,
 * and a reason that comes later says nothing of that chance. Throws SightlineError CASE_REFUSED for another device's case.
 */
export async function mergeReasons(
  database: Database,
  transaction: Transaction<Tables>,
  known: readonly KnownCase[],
): Promise<void> {
  const kept = new Map<string, Kept>();
  for (const some of inChunks([...new Set(known.map(({ id }) => id))]))
    for (const found of await lock(database, transaction, some)) kept.set(found.id, found);
  for (const { id, device, reasons } of known) {
    const found = kept.get(id);
    if (found === undefined || found.device_id !== device)
      throw new SightlineError("CASE_REFUSED", `case ${id} was sent by another device; a case belongs to one`);
    const added = reasons & ~found.reasons;
    if (added === 0) continue;
    const merged = found.reasons | added;
    await transaction.updateTable("cases").set({ reasons: merged }).where("row", "=", found.row).execute();
    kept.set(id, { ...found, reasons: merged });
    const facets = reasonsOfBits(added).map((reason) => reasonFacet(found.project_id, reason));
    await addFacets(
      database,
      transaction,
      facets.map((facet) => ({ facet, case_row: found.row })),
    );
  }
}

interface Kept {
  readonly row: number;
  readonly id: string;
  readonly project_id: string;
  readonly device_id: string;
  readonly reasons: number;
}

/** Nobody else adds a reason meanwhile. In the order of rows, so that two such transactions never wait for each other. */
function lock({ engine }: Database, transaction: Transaction<Tables>, ids: readonly string[]): Promise<Kept[]> {
  const cases = transaction
    .selectFrom("cases")
    .select(["row", "id", "project_id", "device_id", "reasons"])
    .where("id", "in", ids)
    .orderBy("row");
  return (engine === "postgres" ? cases.forUpdate() : cases).execute();
}

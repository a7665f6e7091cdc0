import type { Kysely } from "kysely";
import type { Tables } from "../store/tables.ts";

export interface AuditEntry {
  /** Unix ms. */
  readonly at: number;
  /** A user, `device:ID` or "hub". */
  readonly actor: string;
  /** Verb and noun: "revoke device". */
  readonly action: string;
  readonly subject: string;
  readonly detail?: object;
}

/** In the transaction of what it tells, so that neither is there without the other. Never a secret in `detail`. */
export async function recordAudit(rows: Kysely<Tables>, entry: AuditEntry): Promise<void> {
  const { detail = {}, ...told } = entry;
  await rows
    .insertInto("audit")
    .values({ ...told, detail_json: JSON.stringify(detail) })
    .execute();
}

export interface AuditPage {
  readonly entries: readonly (Required<AuditEntry> & { readonly row: number })[];
  readonly nextBeforeRow: number | null;
}

/** Newest first. */
export async function readAudit(
  rows: Kysely<Tables>,
  page: { readonly limit: number; readonly beforeRow?: number | undefined },
): Promise<AuditPage> {
  let query = rows.selectFrom("audit").selectAll().orderBy("row", "desc").limit(page.limit);
  if (page.beforeRow !== undefined) query = query.where("row", "<", page.beforeRow);
  const found = await query.execute();
  const entries = found.map(({ detail_json, ...told }) => ({ ...told, detail: JSON.parse(detail_json) as object }));
  return { entries, nextBeforeRow: found.length < page.limit ? null : (found.at(-1)?.row ?? null) };
}

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { HardCaseUpload } from "../../contracts/hub-case.ts";
import type { CaseAddition, WaitingCase } from "./spool-messages.ts";

const MOST_SENT = 2000;
/** Of the quota, for cases that are here no more; one takes about a page of the database. */
const SHARE = 0.01;
const BYTES_EACH = 4096;

/** No new version of the schema: an older program leaves this table alone and can use all others. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS sent_cases (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE, -- of the verdict
  revision INTEGER NOT NULL,
  is_due INTEGER NOT NULL DEFAULT 0, -- 1: the hub does not know all of its reasons
  refusals INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER NOT NULL DEFAULT 0, -- Unix ms
  upload TEXT NOT NULL -- without the embedding
) STRICT;
CREATE INDEX IF NOT EXISTS sent_cases_due ON sent_cases (row) WHERE is_due = 1;`;

const SQL = {
  insert: `INSERT INTO sent_cases (id, revision, upload) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, upload = excluded.upload, is_due = 0`,
  byId: "SELECT row, revision, refusals, upload FROM sent_cases WHERE id = ?",
  merge: "UPDATE sent_cases SET upload = ?, revision = revision + 1, is_due = 1, not_before = 0 WHERE id = ?",
  next: `SELECT row, revision, refusals, upload FROM sent_cases WHERE is_due = 1 AND not_before <= ?
    ORDER BY row LIMIT 1`,
  settle: "UPDATE sent_cases SET is_due = 0, refusals = 0, not_before = 0 WHERE id = ? AND revision = ?",
  refuse: "UPDATE sent_cases SET refusals = refusals + 1, not_before = ? WHERE id = ?",
  // What the hub has never declined is still to be told, however old it is.
  trim: `DELETE FROM sent_cases WHERE (is_due = 0 OR refusals > 0)
    AND row NOT IN (SELECT row FROM sent_cases ORDER BY row DESC LIMIT ?)`,
} as const;

/**
 * The newest cases that the hub has: without image and embedding, so that a reason that comes later can still be told. A
 * person flags a part when it lies on the table, and by then its case may be long gone from the queue.
 */
export class SentCases {
  readonly #most: number;
  readonly #statements: { readonly [K in keyof typeof SQL]: StatementSync };

  constructor(database: DatabaseSync, maxBytes: number) {
    this.#most = Math.min(MOST_SENT, Math.floor((maxBytes * SHARE) / BYTES_EACH));
    database.exec(SCHEMA);
    const prepared = Object.entries(SQL).map(([name, text]) => [name, database.prepare(text)]);
    this.#statements = Object.fromEntries(prepared) as { [K in keyof typeof SQL]: StatementSync }; // same keys as SQL
  }

  add({ upload, revision }: Pick<WaitingCase, "upload" | "revision">): void {
    // The hub has the embedding, which would take most of the space.
    this.#statements.insert.run(upload.verdict.id, revision, JSON.stringify({ ...upload, embedding: null }));
    this.#statements.trim.run(this.#most);
  }

  has(id: string): boolean {
    return this.#statements.byId.get(id) !== undefined;
  }

  /** False where no such case is remembered. One that says nothing new is not sent again. */
  merge(id: string, { reasons, metadata }: Omit<CaseAddition, "priority">): boolean {
    const row = this.#statements.byId.get(id);
    if (row === undefined) return false;
    const { upload } = sentCase(row);
    const merged = [...new Set([...upload.reasons, ...reasons])];
    if (merged.length === upload.reasons.length) return true;
    const told: HardCaseUpload = { ...upload, reasons: merged, metadata: { ...upload.metadata, ...metadata } };
    this.#statements.merge.run(JSON.stringify(told), id);
    return true;
  }

  /** The oldest of which the hub is to be told more. */
  next(atMs: number): WaitingCase | null {
    const row = this.#statements.next.get(atMs);
    return row === undefined ? null : sentCase(row);
  }

  /** The hub knows what this revision says. */
  settle(id: string, revision: number): void {
    this.#statements.settle.run(id, revision);
  }

  refuse(id: string, notBeforeMs: number): void {
    this.#statements.refuse.run(notBeforeMs, id);
  }
}

const sentCase = (row: Readonly<Record<string, unknown>>): WaitingCase => ({
  row: Number(row["row"]),
  revision: Number(row["revision"]),
  refusals: Number(row["refusals"]),
  orders: [],
  isAtHub: true,
  upload: HardCaseUpload.parse(JSON.parse(String(row["upload"]))),
});

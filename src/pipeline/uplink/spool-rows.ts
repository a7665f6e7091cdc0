import type { DatabaseSync, StatementSync } from "node:sqlite";
import { z } from "zod";
import { HardCaseUpload, LostCase } from "../../contracts/hub-case.ts";
import type { CaseAddition, NextQuestion, SpoolFigures, WaitingCase } from "./spool-messages.ts";

/** A lost case leaves a row until the hub has been told; beyond so many the oldest are counted only. */
const MOST_UNTOLD = 100_000;
const DAYS_KEPT = 60;

const SQL = {
  insert: "INSERT INTO cases (id, priority, sha256, bytes, added_at, orders, upload) VALUES (?, ?, ?, ?, ?, ?, ?)",
  byId: "SELECT row, revision, refusals, priority, orders, upload FROM cases WHERE id = ?",
  merge: "UPDATE cases SET upload = ?, priority = ?, revision = revision + 1, not_before = 0 WHERE id = ?",
  remove: "DELETE FROM cases WHERE id = ?",
  next: `SELECT row, revision, refusals, orders, upload FROM cases WHERE not_before <= ? AND bytes <= ?
    ORDER BY priority DESC, row LIMIT 1`,
  victim: "SELECT id, priority FROM cases WHERE id <> ? ORDER BY refusals > 0 DESC, priority, row LIMIT 1",
  refuse: "UPDATE cases SET refusals = refusals + 1, not_before = ? WHERE id = ?",
  sharing: "SELECT 1 FROM cases WHERE sha256 = ? LIMIT 1",
  images: "SELECT sha256, max(bytes) AS bytes FROM cases GROUP BY sha256",
  ofImage: "SELECT id FROM cases WHERE sha256 = ?",
  count: "SELECT count(*) AS cases, min(added_at) AS oldest, coalesce(sum(refusals > 0), 0) AS refused FROM cases",
  addLost: "INSERT INTO lost (json) VALUES (?)",
  trimLost: "DELETE FROM lost WHERE row <= (SELECT max(row) FROM lost) - ?",
  untold: "SELECT row, json FROM lost ORDER BY row LIMIT ?",
  countUntold: "SELECT count(*) AS untold FROM lost",
  told: "DELETE FROM lost WHERE row <= ?",
  addLostTotal: "UPDATE totals SET lost_cases = lost_cases + 1",
  addSentTotal: "UPDATE totals SET sent_cases = sent_cases + 1, sent_bytes = sent_bytes + ?",
  totals: "SELECT sent_cases, sent_bytes, lost_cases FROM totals",
  addDay: `INSERT INTO days (day, cases, bytes) VALUES (?, 1, ?)
    ON CONFLICT (day) DO UPDATE SET cases = cases + 1, bytes = bytes + excluded.bytes`,
  trimDays: "DELETE FROM days WHERE day NOT IN (SELECT day FROM days ORDER BY day DESC LIMIT ?)",
  lastDay: "SELECT day, cases, bytes FROM days ORDER BY day DESC LIMIT 1",
  drawn: "SELECT orders, count(*) AS cases FROM cases WHERE orders <> '[]' GROUP BY orders",
  keep: "INSERT INTO kept VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json",
  kept: "SELECT json FROM kept WHERE key = ?",
} as const;

/** The rows of the spool. Knows nothing of files. */
export class SpoolRows {
  readonly database: DatabaseSync;
  readonly #statements: { readonly [K in keyof typeof SQL]: StatementSync };

  constructor(database: DatabaseSync) {
    this.database = database;
    const prepared = Object.entries(SQL).map(([name, text]) => [name, database.prepare(text)]);
    this.#statements = Object.fromEntries(prepared) as { [K in keyof typeof SQL]: StatementSync }; // same keys as SQL
  }

  /** All of `work` or, when it throws, nothing. */
  transaction<T>(work: () => T): T {
    this.database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.database.isTransaction) this.database.exec("ROLLBACK");
      throw error;
    }
  }

  insert(upload: HardCaseUpload, priority: number, orders: readonly string[], atMs: number): void {
    const { sha256, bytes } = upload.image;
    const { id } = upload.verdict;
    this.#statements.insert.run(id, priority, sha256, bytes, atMs, JSON.stringify(orders), JSON.stringify(upload));
  }

  byId(id: string): (WaitingCase & { readonly priority: number }) | null {
    const row = this.#statements.byId.get(id);
    return row === undefined ? null : { ...waitingCase(row), priority: Number(row["priority"]) };
  }

  merge(id: string, { reasons, metadata, priority }: CaseAddition): boolean {
    const known = this.byId(id);
    if (known === null) return false;
    const upload: HardCaseUpload = {
      ...known.upload,
      reasons: [...new Set([...known.upload.reasons, ...reasons])],
      metadata: { ...known.upload.metadata, ...metadata },
    };
    this.#statements.merge.run(JSON.stringify(upload), Math.max(known.priority, priority), id);
    return true;
  }

  next({ atMs, mostBytes }: NextQuestion): WaitingCase | null {
    const row = this.#statements.next.get(atMs, mostBytes);
    return row === undefined ? null : waitingCase(row);
  }

  /** What goes first when space is short: what the hub declined, then the lowest priority, then the oldest. */
  victim(except: string): { readonly id: string; readonly priority: number } | null {
    const row = this.#statements.victim.get(except);
    return row === undefined ? null : { id: String(row["id"]), priority: Number(row["priority"]) };
  }

  remove(id: string): void {
    this.#statements.remove.run(id);
  }

  refuse(id: string, notBeforeMs: number): void {
    this.#statements.refuse.run(notBeforeMs, id);
  }

  addSent(day: string, bytes: number): void {
    this.#statements.addSentTotal.run(bytes);
    this.#statements.addDay.run(day, bytes);
    this.#statements.trimDays.run(DAYS_KEPT);
  }

  addLost(lost: LostCase): void {
    this.#statements.addLost.run(JSON.stringify(lost));
    this.#statements.addLostTotal.run();
    this.#statements.trimLost.run(MOST_UNTOLD);
  }

  untold(limit: number): { throughRow: number; lost: LostCase[] } {
    const rows = this.#statements.untold.all(limit);
    return {
      throughRow: Number(rows.at(-1)?.["row"] ?? 0),
      lost: rows.map((row) => LostCase.parse(JSON.parse(String(row["json"])))),
    };
  }

  told(throughRow: number): void {
    this.#statements.told.run(throughRow);
  }

  isImageWanted(sha256: string): boolean {
    return this.#statements.sharing.get(sha256) !== undefined;
  }

  casesOfImage(sha256: string): string[] {
    return this.#statements.ofImage.all(sha256).map((row) => String(row["id"]));
  }

  /** Sizes by hash. */
  images(): Map<string, number> {
    return new Map(this.#statements.images.all().map((row) => [String(row["sha256"]), Number(row["bytes"])]));
  }

  keep(key: string, json: string): void {
    this.#statements.keep.run(key, json);
  }

  kept(key: string): string | null {
    const row = this.#statements.kept.get(key);
    return row === undefined ? null : String(row["json"]);
  }

  figures(bytes: number): SpoolFigures {
    const count = this.#statements.count.get();
    const totals = this.#statements.totals.get();
    const day = this.#statements.lastDay.get();
    const oldest = count?.["oldest"] ?? null;
    return {
      cases: Number(count?.["cases"]),
      bytes,
      oldestAtMs: oldest === null ? null : Number(oldest),
      refused: Number(count?.["refused"]),
      sentCases: Number(totals?.["sent_cases"]),
      sentBytes: Number(totals?.["sent_bytes"]),
      lostCases: Number(totals?.["lost_cases"]),
      drawn: this.#drawn(),
      untold: Number(this.#statements.countUntold.get()?.["untold"]),
      day: String(day?.["day"] ?? ""),
      dayCases: Number(day?.["cases"] ?? 0),
      dayBytes: Number(day?.["bytes"] ?? 0),
    };
  }

  #drawn(): Record<string, number> {
    const drawn: Record<string, number> = {};
    for (const row of this.#statements.drawn.all())
      for (const order of Orders.parse(JSON.parse(String(row["orders"]))))
        drawn[order] = (drawn[order] ?? 0) + Number(row["cases"]);
    return drawn;
  }
}

const Orders = z.array(z.string());

type Row = Readonly<Record<string, unknown>>;

const waitingCase = (row: Row): WaitingCase => ({
  row: Number(row["row"]),
  revision: Number(row["revision"]),
  refusals: Number(row["refusals"]),
  orders: Orders.parse(JSON.parse(String(row["orders"]))),
  isAtHub: false,
  upload: HardCaseUpload.parse(JSON.parse(String(row["upload"]))),
});

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { HubRow, LedgerRow, LedgerTrigger } from "./journal.ts";
import { LedgerTriggerRow, MarksRow } from "./ledger-rows.ts";
import type { ChangeResult, LedgerChange, VerdictRow } from "./ledger-messages.ts";
import { hasStatistics } from "./ledger-schema.ts";

export interface LedgerMarks {
  lastRow: number;
  sentRow: number;
  acknowledgedRow: number;
  triggers: number;
  verdicts: number;
}

const SQL = {
  insertTrigger: `INSERT INTO triggers (trigger_id, request_id, part, source, received_at, decided)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (trigger_id) DO NOTHING`,
  requestTaken: "SELECT 1 FROM triggers WHERE request_id = ? AND trigger_id <> ?",
  decide: "UPDATE triggers SET decided = 1 WHERE trigger_id = ?",
  insertVerdict: `INSERT INTO verdicts (row, id, trigger_id, boot_seq, verdict_seq, verdict, recorded_at, json, statistics)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  sameVerdict: "SELECT 1 FROM verdicts WHERE id = ? AND trigger_id = ?",
  insertAudit: `INSERT INTO audit (id, at, action, verdict_id, by, detail) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING`,
  saveMarks: "UPDATE ledger SET last_row = ?, sent_row = ?, acknowledged_row = ?, triggers = ?, verdicts = ?",
  marks: "SELECT last_row, sent_row, acknowledged_row, triggers, verdicts FROM ledger",
  holdsNumber: "SELECT 1 FROM verdicts WHERE boot_seq = ? AND verdict_seq = ?",
  lastThrough: `SELECT max(row) AS row FROM
    (SELECT row FROM verdicts WHERE boot_seq = ? AND verdict_seq <= ? ORDER BY verdict_seq DESC LIMIT 256)`,
  firstAfter: `SELECT min(row) AS row FROM
    (SELECT row FROM verdicts WHERE boot_seq = ? AND verdict_seq > ? ORDER BY verdict_seq LIMIT 256)`,
  latest: "SELECT json FROM verdicts ORDER BY row DESC LIMIT ?",
  verdict: "SELECT json FROM verdicts WHERE id = ?",
  ofRequest: `SELECT trigger_id, verdicts.json AS json FROM triggers LEFT JOIN verdicts USING (trigger_id)
    WHERE triggers.request_id = ?`,
  after: "SELECT row, json FROM verdicts WHERE row > ? ORDER BY row LIMIT ?",
  afterForHub: "SELECT row, json, statistics FROM verdicts WHERE row > ? ORDER BY row LIMIT ?",
  oldest: "SELECT row, trigger_id, recorded_at FROM verdicts WHERE row <= ? ORDER BY row LIMIT ?",
  removeVerdict: "DELETE FROM verdicts WHERE row = ?",
  removeTrigger: "DELETE FROM triggers WHERE trigger_id = ?",
  open: `SELECT trigger_id, request_id, part, source, received_at FROM triggers WHERE decided = 0 ORDER BY row`,
  addBoot: `INSERT INTO boots (boot_seq, started_at, sqlite_version) VALUES (?, ?, sqlite_version())
    ON CONFLICT DO NOTHING`,
  lastBoot: "SELECT coalesce(max(boot_seq), 0) AS boot_seq FROM boots",
} as const;

/** For a journal of an earlier version on a disk that has no room for the new column. */
const WITHOUT_STATISTICS: Partial<Readonly<Record<keyof typeof SQL, string>>> = {
  insertVerdict: `INSERT INTO verdicts (row, id, trigger_id, boot_seq, verdict_seq, verdict, recorded_at, json)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  afterForHub: "SELECT row, json, NULL AS statistics FROM verdicts WHERE row > ? ORDER BY row LIMIT ?",
};

/** The rows of the ledger: what is written in one transaction and what is read back. Knows nothing of full disks. */
export class LedgerFile {
  readonly database: DatabaseSync;
  readonly #statements: { readonly [K in keyof typeof SQL]: StatementSync };
  readonly #keepsStatistics: boolean;
  #marks: LedgerMarks;

  constructor(database: DatabaseSync) {
    this.database = database;
    this.#keepsStatistics = hasStatistics(database);
    const texts = this.#keepsStatistics ? SQL : { ...SQL, ...WITHOUT_STATISTICS };
    const prepared = Object.entries(texts).map(([name, text]) => [name, database.prepare(text)]);
    this.#statements = Object.fromEntries(prepared) as { [K in keyof typeof SQL]: StatementSync }; // same keys as SQL
    const marks = MarksRow.parse(this.#statements.marks.get());
    this.#marks = {
      lastRow: marks.last_row,
      sentRow: marks.sent_row,
      acknowledgedRow: marks.acknowledged_row,
      triggers: marks.triggers,
      verdicts: marks.verdicts,
    };
  }

  get marks(): Readonly<LedgerMarks> {
    return this.#marks;
  }

  /** All of `changes` or, when it throws, none. */
  write(changes: readonly LedgerChange[], atMs: number): ChangeResult[] {
    return this.#transaction(() => changes.map((change) => this.#apply(change, atMs)));
  }

  /** The number of the last start that was written down. */
  lastBoot(): number {
    return Number(this.#statements.lastBoot.get()?.["boot_seq"]);
  }

  addBoot(bootSeq: number, startedAt: string): void {
    this.#transaction(() => this.#statements.addBoot.run(bootSeq, startedAt));
  }

  /** Triggers without verdict. A trigger rebuilt from its verdict is never among them. */
  openTriggers(): LedgerTrigger[] {
    return this.#statements.open.all().map((row) => {
      const found = LedgerTriggerRow.parse(row);
      return {
        triggerId: found.trigger_id,
        requestId: found.request_id,
        part: found.part,
        source: found.source,
        receivedAt: found.received_at,
      };
    });
  }

  latest(limit: number): string[] {
    return this.#statements.latest.all(limit).map((row) => String(row["json"]));
  }

  verdict(id: string): string | null {
    const row = this.#statements.verdict.get(id);
    return row === undefined ? null : String(row["json"]);
  }

  ofRequest(requestId: string): { triggerId: string; json: string | null } | null {
    const row = this.#statements.ofRequest.get(requestId);
    if (row === undefined) return null;
    return { triggerId: String(row["trigger_id"]), json: row["json"] === null ? null : String(row["json"]) };
  }

  unsent(afterRow: number, limit: number): LedgerRow[] {
    const rows = this.#statements.after.all(Math.max(afterRow, this.#marks.sentRow), limit);
    return rows.map(({ row, json }) => ({ row: Number(row), json: String(json) }));
  }

  unacknowledged(afterRow: number, limit: number): HubRow[] {
    const rows = this.#statements.afterForHub.all(Math.max(afterRow, this.#marks.acknowledgedRow), limit);
    return rows.map(({ row, json, statistics }) => ({
      ...{ row: Number(row), json: String(json) },
      statistics: statistics === null ? null : String(statistics),
    }));
  }

  /** Removes up to `limit` of the oldest verdicts through `throughRow` recorded before `beforeMs`; returns how many. */
  removeOldest(throughRow: number, beforeMs: number, limit: number): number {
    const oldest = this.#statements.oldest.all(throughRow, limit);
    const young = oldest.findIndex((row) => Number(row["recorded_at"]) >= beforeMs);
    const leaving = young === -1 ? oldest : oldest.slice(0, young);
    if (leaving.length === 0) return 0;
    this.#transaction(() => {
      for (const row of leaving) {
        this.#statements.removeVerdict.run(Number(row["row"]));
        this.#statements.removeTrigger.run(String(row["trigger_id"]));
      }
    });
    return leaving.length;
  }

  pragma(name: "page_count" | "freelist_count" | "max_page_count"): number {
    return Number(this.database.prepare(`PRAGMA ${name}`).get()?.[name]);
  }

  #transaction<T>(work: () => T): T {
    const before = { ...this.#marks };
    this.database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      const { lastRow, sentRow, acknowledgedRow, triggers, verdicts } = this.#marks;
      this.#statements.saveMarks.run(lastRow, sentRow, acknowledgedRow, triggers, verdicts);
      this.database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#marks = before;
      // A full disk or a failed sync has often rolled back by itself already.
      if (this.database.isTransaction) this.database.exec("ROLLBACK");
      throw error;
    }
  }

  #apply(change: LedgerChange, atMs: number): ChangeResult {
    switch (change.kind) {
      case "trigger":
        return this.#addTrigger(change.trigger);
      case "verdict":
        return this.#addVerdict(change.row, atMs);
      case "audit": {
        const { at, action, verdictId, by, detail } = change.entry;
        this.#statements.insertAudit.run(change.id, at, action, verdictId, by, JSON.stringify(detail));
        return "written";
      }
      case "sent":
        this.#marks.sentRow = Math.max(this.#marks.sentRow, Math.min(change.throughRow, this.#marks.lastRow));
        return "written";
      case "acknowledged":
        return this.#acknowledge(change);
      case "resend":
        this.#marks.sentRow = Math.min(this.#marks.sentRow, this.#marks.acknowledgedRow);
        return "written";
    }
  }

  #addTrigger(trigger: LedgerTrigger): ChangeResult {
    const { triggerId, requestId, part, source, receivedAt } = trigger;
    const taken = requestId !== null && this.#statements.requestTaken.get(requestId, triggerId) !== undefined;
    // Never left out, for then its verdict could be missed: a second trigger of a request loses its claim to that.
    const added = this.#statements.insertTrigger.run(triggerId, taken ? null : requestId, part, source, receivedAt, 0);
    this.#marks.triggers += Number(added.changes);
    return taken ? "refused" : "written";
  }

  #addVerdict(row: VerdictRow, atMs: number): ChangeResult {
    const { triggerId, id, bootSeq, verdictSeq, verdict, part, decidedAt, json, statistics } = row;
    const next = this.#marks.lastRow + 1;
    const values = [next, id, triggerId, bootSeq, verdictSeq, verdict, atMs, json];
    const added = this.#statements.insertVerdict.run(...values, ...(this.#keepsStatistics ? [statistics] : []));
    if (Number(added.changes) === 0)
      return this.#statements.sameVerdict.get(id, triggerId) === undefined ? "refused" : "written";
    this.#marks.lastRow = next;
    this.#marks.verdicts++;
    if (Number(this.#statements.decide.run(triggerId).changes) === 0) {
      this.#statements.insertTrigger.run(triggerId, null, part, null, decidedAt, 1);
      this.#marks.triggers++;
    }
    return "written";
  }

  /** A mark of a verdict that is not here moves nothing: removed rows are behind the mark, others were never ours. */
  #acknowledge({ bootSeq, verdictSeq, behindBroker }: Extract<LedgerChange, { kind: "acknowledged" }>): ChangeResult {
    if (this.#statements.holdsNumber.get(bootSeq, verdictSeq) === undefined) return "refused";
    // Rows stand in order of recording, acknowledgements in order of deciding: neighbours may have changed places.
    const later = this.#statements.firstAfter.get(bootSeq, verdictSeq)?.["row"] ?? null;
    const last = this.#statements.lastThrough.get(bootSeq, verdictSeq)?.["row"];
    const row = later === null ? Number(last) : Number(later) - 1;
    this.#marks.acknowledgedRow = Math.max(this.#marks.acknowledgedRow, row);
    if (behindBroker) this.#marks.sentRow = Math.max(this.#marks.sentRow, this.#marks.acknowledgedRow);
    return "written";
  }
}

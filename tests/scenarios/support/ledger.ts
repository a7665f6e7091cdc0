import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import type { Verdict } from "../../../src/contracts/verdict.ts";

export interface LedgerTriggerRow {
  readonly triggerId: string;
  readonly requestId: string | null;
  readonly part: string;
  readonly receivedAt: string;
  readonly verdictIds: readonly string[];
}

export interface Ledger {
  readonly triggers: readonly LedgerTriggerRow[];
  /** In the order in which they were recorded. */
  readonly verdicts: readonly Verdict[];
  /** When each boot started, ISO 8601, by its number. */
  readonly boots: ReadonlyMap<number, string>;
}

/** Reads a copy of the journal: the device, where it runs, has the original to itself. */
export const readLedger = (dataDirectory: string): Ledger => inCopy(dataDirectory, ledgerIn);

export interface AuditRow {
  readonly action: string;
  readonly by: string;
  readonly detail: unknown;
}

/** What people did, and what the device found, in order. */
export const readAudit = (dataDirectory: string): AuditRow[] =>
  inCopy(dataDirectory, (database) =>
    database
      .prepare("SELECT action, by, detail FROM audit ORDER BY at, rowid")
      .all()
      .map(({ action, by, detail }) => ({
        ...{ action: String(action), by: String(by) },
        detail: JSON.parse(String(detail)),
      })),
  );

function inCopy<T>(dataDirectory: string, read: (database: DatabaseSync) => T): T {
  const copy = mkdtempSync(join(tmpdir(), "sightline-ledger-"));
  for (const file of ["journal.sqlite", "journal.sqlite-wal"]) {
    if (existsSync(join(dataDirectory, file))) cpSync(join(dataDirectory, file), join(copy, file));
  }
  const database = new DatabaseSync(join(copy, "journal.sqlite"));
  try {
    return read(database);
  } finally {
    database.close();
    rmSync(copy, { recursive: true });
  }
}

function ledgerIn(database: DatabaseSync): Ledger {
  const verdictIds = new Map<string, string[]>();
  const verdicts: Verdict[] = [];
  for (const { trigger_id, json } of database.prepare("SELECT trigger_id, json FROM verdicts ORDER BY row").all()) {
    const verdict = JSON.parse(String(json)) as Verdict;
    verdicts.push(verdict);
    const ids = verdictIds.get(String(trigger_id)) ?? [];
    verdictIds.set(String(trigger_id), [...ids, verdict.id]);
  }
  const triggers = database
    .prepare("SELECT trigger_id, request_id, part, received_at FROM triggers ORDER BY row")
    .all();
  const boots = database.prepare("SELECT boot_seq, started_at FROM boots").all();
  return {
    triggers: triggers.map((row) => ({
      triggerId: String(row["trigger_id"]),
      requestId: row["request_id"] === null ? null : String(row["request_id"]),
      part: String(row["part"]),
      receivedAt: String(row["received_at"]),
      verdictIds: verdictIds.get(String(row["trigger_id"])) ?? [],
    })),
    verdicts,
    boots: new Map(boots.map((row) => [Number(row["boot_seq"]), String(row["started_at"])])),
  };
}

/** Every trigger has exactly one verdict, every verdict its trigger, and numbers run from 1 without gaps in each boot. */
export function expectSquare(ledger: Ledger): void {
  expect(ledger.triggers.filter(({ verdictIds }) => verdictIds.length !== 1)).toEqual([]);
  expect(ledger.verdicts).toHaveLength(ledger.triggers.length);
  expectGapFree(ledger.verdicts);
}

/** Within each boot, in the order given: 1, 2, 3 and so on. */
export function expectGapFree(verdicts: readonly Verdict[]): void {
  const last = new Map<number, number>();
  const wrong: string[] = [];
  for (const { bootSeq, verdictSeq } of verdicts) {
    const expected = (last.get(bootSeq) ?? 0) + 1;
    if (verdictSeq !== expected) wrong.push(`boot ${bootSeq}: ${verdictSeq} instead of ${expected}`);
    last.set(bootSeq, verdictSeq);
  }
  expect(wrong).toEqual([]);
}

import type { TriggerSource } from "../../contracts/trigger.ts";
import type { Verdict } from "../../contracts/verdict.ts";

/** A trigger as the ledger keeps it. */
export interface LedgerTrigger {
  /** UUIDv7 made by the device. */
  readonly triggerId: string;
  /** The sender's own id, when it gave one: the same again is the same trigger. */
  readonly requestId: string | null;
  readonly part: string;
  readonly source: TriggerSource;
  /** ISO 8601 UTC, ms. */
  readonly receivedAt: string;
}

/** A person's act, kept for ever beside the verdicts. */
export interface AuditEntry {
  readonly at: string;
  readonly action: "flag" | "override" | "recipe";
  readonly verdictId: string | null;
  readonly by: string;
  /** JSON object: what was said. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface JournalOpening {
  /** Counts the starts of this device, from 1; durable before `start` returns. */
  readonly bootSeq: number;
  /** Triggers of earlier boots that have no verdict: each must be answered with `fault: interrupted`. */
  readonly interrupted: readonly LedgerTrigger[];
}

export interface JournalStatus {
  /** False while rows cannot be written (disk full, I/O error); inspection goes on and the state says so. */
  readonly recording: boolean;
  readonly sentence: string | null;
  readonly triggers: number;
  readonly verdicts: number;
  /** Verdicts that no broker has taken yet. */
  readonly backlog: number;
  /** Verdicts taken by the broker that the hub has not acknowledged yet (0 without a hub). */
  readonly unacknowledged: number;
  /** Verdicts of this boot lost from the ledger since they could not be written. */
  readonly unrecorded: number;
  readonly bytes: number;
}

/**
 * The ledger on disk: every trigger and its one verdict. Rows are written by a worker in group commits; nothing here
 * blocks the caller's thread.
 */
export interface Journal {
  start(): Promise<JournalOpening>;
  /** Resolves when the trigger is on disk (or cannot be: then status().recording is false). Nobody need await it. */
  recordTrigger(trigger: LedgerTrigger): Promise<void>;
  /** Resolves "recorded" when the verdict is on disk, "unrecorded" when it could not be written. */
  recordVerdict(triggerId: string, verdict: Verdict): Promise<"recorded" | "unrecorded">;
  recordAudit(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  latestVerdicts(limit: number): Promise<Verdict[]>;
  verdictById(id: string): Promise<Verdict | undefined>;
  /** The verdict of an earlier trigger with this sender's id, when there is one ("pending" while undecided). */
  verdictOfRequest(requestId: string): Promise<Verdict | "pending" | undefined>;
  /** The oldest verdicts no broker has taken, in order, after `afterRow`; `row` names them to `markSent`. */
  unsent(afterRow: number, limit: number): Promise<{ row: number; json: string }[]>;
  markSent(rows: readonly number[]): Promise<void>;
  /** The hub has stored everything up to this verdict. */
  markAcknowledged(bootSeq: number, verdictSeq: number): Promise<void>;
  status(): JournalStatus;
  /** Everything handed over before is on disk when it returns. */
  stop(): Promise<void>;
}

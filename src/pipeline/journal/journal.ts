import type { ImageStatistics } from "../../contracts/image-statistics.ts";
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

/** A verdict on its way out. */
export interface LedgerRow {
  readonly row: number;
  /** As it was published. */
  readonly json: string;
}

/** A verdict on its way to the hub. */
export interface HubRow extends LedgerRow {
  /** JSON: how its frame looks; null where that is not known, and of rows that an earlier version wrote. */
  readonly statistics: string | null;
}

/** A person's act, a change of the model or of what it sees, kept for ever beside the verdicts. */
export interface AuditEntry {
  readonly at: string;
  readonly action: "flag" | "override" | "recipe" | "release" | "drift";
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

/** `recording-on-reserve`: the disk or the quota is full and rows go into the space a reserve file held free. */
export type JournalState = "recording" | "recording-on-reserve" | "not-recording";

export interface JournalStatus {
  readonly state: JournalState;
  /** False while rows cannot be written (disk full, I/O error); inspection goes on and the state says so. */
  readonly recording: boolean;
  readonly sentence: string | null;
  /** Counted since this journal file was begun, rows since deleted by retention included. */
  readonly triggers: number;
  readonly verdicts: number;
  /** Verdicts that no broker has taken yet. */
  readonly backlog: number;
  /**
   * Verdicts that the hub has not acknowledged yet (0 without a hub); of a hub behind the broker only those that the
   * broker has taken.
   */
  readonly unacknowledged: number;
  /** Verdicts of this boot lost from the ledger since they could not be written. */
  readonly unrecorded: number;
  /** Second verdicts for one trigger, or of one number, turned away in this boot; always a fault in a program. */
  readonly refused: number;
  readonly bytes: number;
  /** Times in this boot that the worker that writes them ended and was started again. */
  readonly workerRestarts: number;
}

/**
 * The ledger on disk: every trigger and its one verdict. Rows are written by a worker in group commits; nothing here
 * blocks the caller's thread.
 */
export interface Journal {
  start(): Promise<JournalOpening>;
  /** Resolves when the trigger is on disk (or cannot be: then status().recording is false). Nobody need await it. */
  recordTrigger(trigger: LedgerTrigger): Promise<void>;
  /**
   * "recorded": the verdict is on disk. "unrecorded": it is not, now; it stays in memory, within bounds, and is
   * written when the disk takes rows again (then it is published once more, with the same id). "refused": the ledger
   * already holds another verdict for this trigger or of this number; that one stands, this one must not leave.
   */
  recordVerdict(
    triggerId: string,
    verdict: Verdict,
    /** How its frame looks: kept beside it where the hub gets this ledger's rows. */
    statistics?: ImageStatistics | null,
  ): Promise<"recorded" | "unrecorded" | "refused">;
  recordAudit(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  latestVerdicts(limit: number): Promise<Verdict[]>;
  verdictById(id: string): Promise<Verdict | undefined>;
  /** The verdict of an earlier trigger with this sender's id, when there is one ("pending" while undecided). */
  verdictOfRequest(requestId: string): Promise<Verdict | "pending" | undefined>;
  /** The oldest verdicts no broker has taken, in order, after `afterRow` (0: from the first). */
  unsent(afterRow: number, limit: number): Promise<LedgerRow[]>;
  /** The oldest verdicts that no hub has acknowledged, in order, after `afterRow` (0: from the first). */
  unacknowledged(afterRow: number, limit: number): Promise<HubRow[]>;
  /** A broker has taken every verdict up to this row. Written with a later commit: a crash before it sends again. */
  markSentThrough(row: number): void;
  /** The hub has stored everything up to this verdict. Written with a later commit. */
  markAcknowledged(bootSeq: number, verdictSeq: number): void;
  /** Makes verdicts that a broker took and no hub has acknowledged unsent again. */
  resendUnacknowledged(): Promise<void>;
  /** Calls `listener` after every commit that added verdicts, until the returned function is called. */
  onRecorded(listener: () => void): () => void;
  status(): JournalStatus;
  /** Everything handed over before is on disk when it returns. */
  stop(): Promise<void>;
}

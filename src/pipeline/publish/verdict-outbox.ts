export interface OutboxRow {
  readonly row: number;
  /** As it is published. */
  readonly json: string;
}

/** What the publisher needs of the journal. */
export interface VerdictOutbox {
  /** The oldest verdicts no broker has taken, in order, after `afterRow` (0: from the first). */
  unsent(afterRow: number, limit: number): Promise<OutboxRow[]>;
  /** A broker has taken every verdict up to this row. */
  markSentThrough(row: number): void;
  /** The hub has stored everything up to this verdict. */
  markAcknowledged(bootSeq: number, verdictSeq: number): void;
  /** Makes verdicts that a broker took and no hub has acknowledged unsent again. */
  resendUnacknowledged(): Promise<void>;
  /** Calls `listener` when there are new verdicts, until the returned function is called. */
  onRecorded(listener: () => void): () => void;
  status(): { readonly backlog: number; readonly unacknowledged: number };
}

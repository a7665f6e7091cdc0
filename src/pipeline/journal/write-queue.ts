import type { LedgerChange } from "./ledger-messages.ts";

export type RecordResult = "recorded" | "unrecorded" | "refused";

/** A change that waits for its commit. `settle` answers whoever made it; only the first call counts. */
export interface WaitingChange {
  readonly change: LedgerChange;
  readonly bytes: number;
  settle(result: RecordResult): void;
}

/** Triggers and audit entries may fill this share; the rest is for verdicts. */
const SHARE_OF_OTHERS = 0.8;

/** What waits for the disk: bounded in rows and bytes, verdicts last to be turned away. */
export class WriteQueue {
  readonly #rows: number;
  readonly #bytes: number;
  #waiting: WaitingChange[] = [];
  #waitingBytes = 0;

  constructor(rows: number, bytes: number) {
    this.#rows = rows;
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** False when the queue is full; the change was not taken. */
  offer(item: WaitingChange): boolean {
    const share = item.change.kind === "verdict" ? 1 : SHARE_OF_OTHERS;
    if (this.#waiting.length >= this.#rows * share) return false;
    if (this.#waitingBytes + item.bytes > this.#bytes * share) return false;
    this.#waiting.push(item);
    this.#waitingBytes += item.bytes;
    return true;
  }

  /** The oldest, up to these bounds; at least one when there is one. */
  take(rows: number, bytes: number): WaitingChange[] {
    let count = 0;
    let taken = 0;
    for (const item of this.#waiting) {
      if (count === rows || (count > 0 && taken + item.bytes > bytes)) break;
      count++;
      taken += item.bytes;
    }
    this.#waitingBytes -= taken;
    return this.#waiting.splice(0, count);
  }

  items(): readonly WaitingChange[] {
    return this.#waiting;
  }
}

import type { Clock } from "../../platform/clock.ts";

/** What became of one item of a group: each has its own answer, whatever became of the others. */
export type Settled<O> = { readonly value: O } | { readonly error: unknown };

export interface GroupCommitOptions<I, O> {
  /** Writes a group and returns one answer for each item, in order; when it resolves, all of them are durable. */
  readonly commit: (items: readonly I[]) => Promise<readonly Settled<O>[]>;
  /** How long the first item waits for others. One commit (an fsync) then serves them all. */
  readonly waitMs: number;
  readonly largestGroup: number;
  readonly clock: Clock;
}

interface Waiting<I, O> {
  readonly item: I;
  resolve(value: O): void;
  reject(error: unknown): void;
}

/**
 * Many writes in one transaction: SQLite's commits are one fsync each and one after the other, and they hold up the event
 * loop. One group at a time; what arrives meanwhile is the next one, so that groups grow with the load.
 */
export class GroupCommit<I, O> {
  readonly #options: GroupCommitOptions<I, O>;
  #waiting: Waiting<I, O>[] = [];
  #timed = false;
  #running: Promise<void> | undefined;

  constructor(options: GroupCommitOptions<I, O>) {
    this.#options = options;
  }

  /** Resolves when the item is durable; rejects with its own error, or with the one that stopped its whole group. */
  write(item: I): Promise<O> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined || this.#waiting.length > 0) {
      this.#schedule();
      await (this.#running ?? this.#options.clock.sleep(this.#options.waitMs));
    }
  }

  #schedule(): void {
    const { waitMs, largestGroup, clock } = this.#options;
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    if (this.#waiting.length >= largestGroup) return this.#begin();
    if (this.#timed) return;
    this.#timed = true;
    clock.after(waitMs, () => {
      this.#timed = false;
      if (this.#running === undefined && this.#waiting.length > 0) this.#begin();
    });
  }

  #begin(): void {
    this.#running = this.#commit(this.#waiting.splice(0, this.#options.largestGroup)).finally(() => {
      this.#running = undefined;
      this.#schedule();
    });
  }

  async #commit(group: readonly Waiting<I, O>[]): Promise<void> {
    try {
      const answers = await this.#options.commit(group.map(({ item }) => item));
      group.forEach(({ resolve, reject }, at) => {
        const answer = answers[at];
        if (answer !== undefined && "value" in answer) resolve(answer.value);
        else reject(answer?.error ?? new Error("the group's commit gave no answer"));
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

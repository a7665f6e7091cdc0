import { Worker } from "node:worker_threads";
import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { endThread } from "../../platform/end-thread.ts";
import type { Logger } from "../../platform/logger.ts";
import { settledWithin } from "../../platform/patience.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";
import type { JournalOptions } from "./journal-options.ts";
import type { LedgerAnswers, LedgerQuestion, LedgerReply, LedgerRequest } from "./ledger-messages.ts";

const RESTART: RetryPolicy = { firstMs: 50, maxMs: 10_000, jitter: 0.2 };

/** For a disk that answers; another one must not hold up the end of the device. */
const CLOSE_MS = 500;

interface Call {
  resolve(answer: LedgerAnswers[keyof LedgerAnswers]): void;
  reject(error: Error): void;
}

export interface WorkerLinkParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly workerUrl: URL;
}

/** The worker thread that owns the journal's file: asks it, and replaces it when it ends by itself. */
export class LedgerWorkerLink {
  readonly #options: JournalOptions;
  readonly #with: WorkerLinkParts;
  readonly #calls = new Map<number, Call>();
  #worker: Worker | undefined;
  #ready: Promise<void> = Promise.resolve();
  #lastCall = 0;
  #bootSeq: number | null = null;
  #failedStarts = 0;
  #cancelRestart = (): void => undefined;
  #stopping = false;
  restarts = 0;

  constructor(options: JournalOptions, parts: WorkerLinkParts) {
    this.#options = options;
    this.#with = parts;
  }

  async open(): Promise<LedgerAnswers["open"]> {
    this.#spawn();
    const opening = await this.#post(this.#opening());
    this.#bootSeq = opening.bootSeq;
    return opening;
  }

  /** Rejects with what the worker reports, or with JOURNAL_FULL when the worker ends before it answers. */
  async ask<K extends LedgerRequest["kind"]>(request: Extract<LedgerRequest, { kind: K }>): Promise<LedgerAnswers[K]> {
    await this.#ready;
    return this.#post(request);
  }

  async close(): Promise<void> {
    this.#stopping = true;
    this.#cancelRestart();
    const worker = this.#worker;
    if (worker === undefined) return;
    const { clock, logger } = this.#with;
    const closed = this.#post({ kind: "close" }).catch((error: unknown) => {
      logger.warn({ reason: messageOf(error) }, "the journal could not be closed cleanly");
    });
    await settledWithin(clock, CLOSE_MS, closed);
    await endThread(worker, clock, CLOSE_MS);
  }

  #post<K extends LedgerRequest["kind"]>(request: Extract<LedgerRequest, { kind: K }>): Promise<LedgerAnswers[K]> {
    const worker = this.#worker;
    if (worker === undefined)
      return Promise.reject(new SightlineError("JOURNAL_FULL", "the journal's worker is not running"));
    // As text: cloning the many small objects of a group takes several times as long on this thread.
    const question: LedgerQuestion = { call: ++this.#lastCall, request: JSON.stringify(request) };
    return new Promise((resolve, reject) => {
      // The worker answers each kind of request with its kind of answer: ledger-messages.ts.
      this.#calls.set(question.call, { resolve: resolve as Call["resolve"], reject });
      worker.postMessage(question);
    });
  }

  #opening(): Extract<LedgerRequest, { kind: "open" }> {
    return { kind: "open", options: this.#options, bootSeq: this.#bootSeq, atMs: this.#with.clock.wallNow() };
  }

  #spawn(): void {
    const worker = new Worker(this.#with.workerUrl);
    this.#worker = worker;
    let reason = "it ended";
    worker.on("message", (reply: LedgerReply) => this.#settle(reply));
    worker.on("error", (error) => (reason = messageOf(error)));
    worker.on("exit", () => this.#lost(reason));
  }

  #settle(reply: LedgerReply): void {
    const call = this.#calls.get(reply.call);
    this.#calls.delete(reply.call);
    if ("error" in reply) call?.reject(new SightlineError(reply.error.code, reply.error.detail));
    else call?.resolve(reply.answer);
  }

  #lost(reason: string): void {
    this.#worker = undefined;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    if (!this.#stopping && this.#bootSeq !== null) this.#restart(reason);
    for (const call of calls) call.reject(new SightlineError("JOURNAL_FULL", `the journal's worker ended (${reason})`));
  }

  #restart(reason: string): void {
    const { clock, logger, random } = this.#with;
    this.restarts++;
    logger.error({ reason, restarts: this.restarts }, "the journal's worker ended and is started again");
    this.#ready = new Promise((resolve) => {
      const delayMs = retryDelayMs(RESTART, this.#failedStarts++, random);
      this.#cancelRestart = clock.after(delayMs, () => void this.#reopen().then(resolve, resolve));
    });
  }

  async #reopen(): Promise<void> {
    this.#spawn();
    try {
      await this.#post(this.#opening());
      this.#failedStarts = 0;
    } catch (error) {
      this.#with.logger.error({ reason: messageOf(error) }, "the journal cannot be opened again");
      await this.#worker?.terminate(); // its end starts the next attempt
    }
  }
}

import { Worker } from "node:worker_threads";
import { messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { endThread } from "../../platform/end-thread.ts";
import { settledWithin } from "../../platform/patience.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import type {
  Opening,
  SpoolAnswers,
  SpoolFigures,
  SpoolOptions,
  SpoolQuestion,
  SpoolReply,
  SpoolRequest,
} from "./spool-messages.ts";

const CLOSE_MS = 500;
/** A worker that ends again and again is not started more often than this. */
const RESTART_MS = 1000;

interface Call {
  resolve(answer: SpoolAnswers[keyof SpoolAnswers]): void;
  reject(error: Error): void;
}

/** The cases that wait for the hub: a folder on disk, owned by a worker thread so that no disk holds up a verdict. */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #clock: Clock;
  readonly #calls = new Map<number, Call>();
  #worker: Worker | undefined;
  #opening: Promise<Opening> | undefined;
  #openedTick = Number.NEGATIVE_INFINITY;
  #lastCall = 0;
  #closed = false;
  #figures: SpoolFigures | undefined;

  constructor(options: SpoolOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** As of the last answer; undefined before the first. */
  get figures(): SpoolFigures | undefined {
    return this.#figures;
  }

  /** Rejects where the folder cannot be used; may be called again. */
  open(): Promise<Opening> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** Rejects with the disk's sentence. `bytes`, of an image to add, are copied. */
  async ask<K extends SpoolRequest["kind"]>(
    request: Extract<SpoolRequest, { kind: K }>,
    bytes?: Uint8Array,
  ): Promise<SpoolAnswers[K]> {
    await this.open();
    return this.#post(request, bytes);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    const closed = this.#post({ kind: "close" }).catch(() => undefined); // every row is on disk already
    await settledWithin(this.#clock, CLOSE_MS, closed);
    await endThread(worker, this.#clock, CLOSE_MS);
  }

  async #open(): Promise<Opening> {
    try {
      if (this.#closed) throw new Error("the spool is closed");
      if (this.#clock.tick() - this.#openedTick < RESTART_MS) throw new Error("the spool's thread ended a moment ago");
      this.#openedTick = this.#clock.tick();
      this.#worker ??= this.#spawn();
      return await this.#post({ kind: "open", options: this.#options, atMs: this.#clock.wallNow() });
    } catch (error) {
      this.#opening = undefined; // whoever asks next tries again
      throw error;
    }
  }

  #post<K extends SpoolRequest["kind"]>(
    request: Extract<SpoolRequest, { kind: K }>,
    bytes?: Uint8Array,
  ): Promise<SpoolAnswers[K]> {
    const worker = this.#worker;
    if (worker === undefined) return Promise.reject(new Error("the spool's thread is not running"));
    const call = ++this.#lastCall;
    const question: SpoolQuestion = bytes === undefined ? { call, request } : { call, request, bytes };
    return new Promise((resolve, reject) => {
      // The worker answers each kind of request with its kind of answer: spool-messages.ts.
      this.#calls.set(call, { resolve: resolve as Call["resolve"], reject });
      worker.postMessage(question);
    });
  }

  #spawn(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, "spool-worker"));
    let reason = "it ended";
    worker.on("message", (reply: SpoolReply) => this.#settle(reply));
    worker.on("error", (error) => (reason = messageOf(error)));
    worker.on("exit", () => this.#lost(worker, reason));
    return worker;
  }

  #settle(reply: SpoolReply): void {
    const call = this.#calls.get(reply.call);
    this.#calls.delete(reply.call);
    if ("error" in reply) return call?.reject(new Error(reply.error));
    this.#figures = reply.figures;
    call?.resolve(reply.answer);
  }

  #lost(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#opening = undefined; // the next question starts another one
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(new Error(`the spool's thread ended (${reason})`));
  }
}

import { Worker } from "node:worker_threads";
import { SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { endThread } from "../../platform/end-thread.ts";
import type { Service } from "../../platform/services.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import type { DatabaseSettings } from "../store/database.ts";
import type { SimilarCase } from "./sketch-index.ts";

export type { SimilarCase } from "./sketch-index.ts";

export interface SimilarityRequest {
  readonly id: number;
  readonly caseId: string;
  readonly count: number;
}

export type SimilarityReply =
  { readonly id: number; readonly cases: readonly SimilarCase[] } | { readonly id: number; readonly error: string };

const END_MS = 2000;

interface Waiting {
  resolve(cases: readonly SimilarCase[]): void;
  reject(error: unknown): void;
}

/**
 * Cases by likeness: 64 bytes a case in the memory of a thread of its own, scored by a kernel, then ranked by the full
 * embeddings of the best. It reads the database itself and so finds what any hub process recorded.
 */
export class SimilarityIndex implements Service {
  readonly name = "similarity index";
  readonly #settings: DatabaseSettings;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #stopped = true;
  #nextId = 0;

  constructor(settings: DatabaseSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Does not wait for the index to be read: the first question does. */
  async start(): Promise<void> {
    this.#stopped = false;
    this.#worker = this.#spawn();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker !== undefined) await endThread(worker, this.#clock, END_MS);
  }

  nearest(caseId: string, count: number): Promise<readonly SimilarCase[]> {
    if (this.#stopped) {
      return Promise.reject(new SightlineError("INTERRUPTED", "the similarity index is not running"));
    }
    const worker = (this.#worker ??= this.#spawn());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, caseId, count } satisfies SimilarityRequest);
    });
  }

  /** A thread that ended leaves its place empty: the next question starts another. */
  #spawn(): Worker {
    const worker = new Worker(siblingModule(import.meta.url, "similarity-worker"), { workerData: this.#settings });
    const lose = (error: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    worker.on("message", (reply: SimilarityReply) => this.#settle(reply));
    worker.on("error", lose);
    worker.on("exit", () => lose(new SightlineError("INTERRUPTED", "the similarity index has ended")));
    return worker;
  }

  #settle(reply: SimilarityReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("cases" in reply) waiting?.resolve(reply.cases);
    else waiting?.reject(new Error(reply.error));
  }
}

/** The `count` cases of the same project and model that look most alike, the most alike first. */
export const similarCases = (index: SimilarityIndex, caseId: string, count: number): Promise<readonly SimilarCase[]> =>
  index.nearest(caseId, count);

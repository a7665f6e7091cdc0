import { Worker } from "node:worker_threads";
import { type Clock, systemClock } from "../platform/clock.ts";
import { endThread } from "../platform/end-thread.ts";
import { siblingModule } from "../platform/sibling-module.ts";
import { ReleaseClient, type ReleaseClientOptions, type ReleaseResult } from "./release-client.ts";

/** What a thread can be given. */
export type ReleaseSettings = Omit<ReleaseClientOptions, "clock" | "clockSynced" | "onProgress">;

export interface WorkerOrder {
  readonly settings: ReleaseSettings;
  readonly product: string;
  readonly clockSynced: boolean;
}

export type WorkerMessage =
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly kind: "result"; readonly result: ReleaseResult };

export interface ReleaseThreadOptions {
  readonly settings: ReleaseSettings;
  readonly clock: Clock;
  readonly clockSynced?: () => boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

const STOP_MS = 500;

/**
 * A ReleaseClient whose checks run in a thread of their own, one thread a check: verifying signatures over long metadata
 * takes tens to hundreds of milliseconds in one piece, and the device's own thread has parts to judge. A check that is
 * aborted is ended wherever it is, as a power cut would.
 */
export class ReleaseThread {
  readonly #options: ReleaseThreadOptions;
  readonly #client: ReleaseClient;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReleaseThreadOptions) {
    this.#options = options;
    this.#client = new ReleaseClient({ ...options.settings, clock: systemClock });
  }

  /** As ReleaseClient.check. */
  check(product: string, signal?: AbortSignal): Promise<ReleaseResult> {
    const next = this.#last.then(() => this.#check(product, signal));
    this.#last = next.catch(() => undefined);
    return next;
  }

  installed(product: string): ReturnType<ReleaseClient["installed"]> {
    return this.#client.installed(product);
  }

  /** After checks that were asked for before. */
  prune(product: string, keep: readonly string[]): Promise<void> {
    const next = this.#last.then(() => this.#client.prune(product, keep));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #check(product: string, signal: AbortSignal | undefined): Promise<ReleaseResult> {
    signal?.throwIfAborted();
    const { settings, clock, clockSynced, onProgress } = this.#options;
    const order: WorkerOrder = { settings, product, clockSynced: clockSynced?.() ?? false };
    const worker = new Worker(siblingModule(import.meta.url, "release-worker"), { workerData: order });
    const { promise, resolve, reject } = Promise.withResolvers<ReleaseResult>();
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "result") resolve(message.result);
      else onProgress?.(message.done, message.total);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the check for releases ended with code ${code} and no result`)));
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", abort);
      await endThread(worker, clock, STOP_MS);
    }
  }
}

import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Service } from "../platform/services.ts";
import type { Database } from "./store/database.ts";
import type { ObjectStore } from "./store/object-store.ts";
import { reconcile } from "./store/reconcile.ts";

export interface ReconciliationParts {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Compares rows and files once, after each start and beside the work; says what a crash or an accident left. */
export class Reconciliation implements Service {
  readonly name = "reconciliation";
  readonly #parts: ReconciliationParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: ReconciliationParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, ...parts } = this.#parts;
    try {
      const { removed, missing, found, images } = await reconcile({ ...parts, signal: this.#stopping.signal });
      const fields = { images, removed: removed.length, found: found.length, missing: missing.length };
      if (missing.length === 0) log.info(fields, "images and their rows agree");
      else log.error({ ...fields, first: missing.slice(0, 10) }, "image files are missing; restore them from a backup");
    } catch (error) {
      if (!this.#stopping.signal.aborted) log.error({ err: error }, "images and their rows could not be compared");
    }
  }
}

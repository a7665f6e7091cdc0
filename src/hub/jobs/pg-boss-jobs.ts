import { randomUUID } from "node:crypto";
import { PgBoss } from "pg-boss";
import type { ShortJobOptions, ShortJobPayload, ShortJobs, ShortJobTime } from "./short-jobs.ts";

const SCHEMA = "short_jobs";
const POLL_S = 2;
const STOP_MS = 10_000;

/** Short jobs for hubs that share a PostgreSQL: pg-boss keeps them in a schema of its own. */
export class PgBossJobs implements ShortJobs {
  readonly name = "short jobs";
  readonly #options: ShortJobOptions;
  readonly #boss: PgBoss;

  constructor(options: ShortJobOptions, url: string) {
    this.#options = options;
    this.#boss = new PgBoss({ connectionString: url, schema: SCHEMA, max: 4 });
    this.#boss.on("error", (error) => options.onFault("queue", error));
  }

  async start(): Promise<void> {
    const { handlers, mostRetries, firstPauseMs, onFault } = this.#options;
    await this.#boss.start();
    for (const [kind, handler] of Object.entries(handlers)) {
      await this.#boss.createQueue(kind, {
        policy: "short", // one job of a key waits
        retryLimit: mostRetries,
        retryDelay: Math.max(1, Math.ceil(firstPauseMs / 1000)),
        retryBackoff: true,
      });
      await this.#boss.work<ShortJobPayload>(
        kind,
        { pollingIntervalSeconds: POLL_S, includeMetadata: true },
        async ([job]) => {
          if (job === undefined) return;
          try {
            await handler(job.data);
          } catch (error) {
            if (job.retryCount >= mostRetries) onFault(kind, error);
            throw error;
          }
        },
      );
    }
  }

  async stop(): Promise<void> {
    await this.#boss.stop({ graceful: true, timeout: STOP_MS });
  }

  async send(kind: string, payload: ShortJobPayload, { key, afterMs = 0 }: ShortJobTime = {}): Promise<void> {
    const singletonKey = key ?? randomUUID();
    await this.#boss.send(kind, payload, { singletonKey, startAfter: Math.ceil(afterMs / 1000) });
  }
}

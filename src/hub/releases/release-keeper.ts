import type { Logger } from "../../platform/logger.ts";
import type { Service } from "../../platform/services.ts";
import { listReleases } from "./releases.ts";
import { advance, type RolloutParts } from "./rollout.ts";

const MOST_UNDER_WAY = 100;

export interface ReleaseKeeperParts extends RolloutParts {
  readonly everyMs: number;
  readonly log: Logger;
}

/** Looks at releases under way and at the online signatures, again and again. */
export class ReleaseKeeper implements Service {
  readonly name = "releases";
  readonly #parts: ReleaseKeeperParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: ReleaseKeeperParts) {
    this.#parts = parts;
  }

  /** Throws CONFIG_INVALID where repository or keys are not as a hub needs them. */
  async start(): Promise<void> {
    await this.#parts.desk.check();
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** One round; also what the loop does. */
  async look(): Promise<void> {
    const { database, desk, log } = this.#parts;
    const open = await listReleases(database, { states: ["signing", "rolling"], limit: MOST_UNDER_WAY });
    for (const release of open.reverse()) await advance(this.#parts, release);
    if (await desk.refresh()) log.info({}, "snapshot, timestamp and director are fresh");
  }

  async #loop(): Promise<void> {
    const { clock, everyMs, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.look().catch((error: unknown) => log.warn({ error }, "releases could not be looked at"));
      await clock.sleep(everyMs, signal).catch(() => undefined); // rejects only when stopping
    }
  }
}

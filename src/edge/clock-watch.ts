import type { Clock } from "../platform/clock.ts";
import { isClockSynced } from "../platform/clock-sync.ts";
import type { Service } from "../platform/services.ts";

const LOOK_EVERY_MS = 60_000;

/** Whether the wall clock is synchronised, asked now and then: verdicts say so, so that nobody trusts a wrong time. */
export class ClockWatch implements Service {
  readonly name = "clock watch";
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #synced = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get synced(): boolean {
    return this.#synced;
  }

  async start(): Promise<void> {
    this.#synced = await isClockSynced();
    void this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined); // rejects only when aborted: the loop ends
      if (!signal.aborted) this.#synced = await isClockSynced();
    }
  }
}

import { SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { ShortJobOptions, ShortJobPayload, ShortJobs } from "./short-jobs.ts";

/** Jobs that may wait; one more is refused, so that no flood fills the memory. */
const MOST_WAITING = 10_000;

/** Short jobs for a hub that is one process: one after the other, in memory. */
export class InProcessJobs implements ShortJobs {
  readonly name = "short jobs";
  readonly #options: ShortJobOptions;
  readonly #clock: Clock;
  readonly #waiting: { readonly kind: string; readonly payload: ShortJobPayload }[] = [];
  readonly #stopping = new AbortController();
  #wake: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ShortJobOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#running = this.#loop();
  }

  /** What is being done comes to its end; what waits is dropped. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async send(kind: string, payload: ShortJobPayload): Promise<void> {
    if (this.#waiting.length >= MOST_WAITING) {
      throw new SightlineError("INTERRUPTED", `${MOST_WAITING} short jobs are waiting already; try again later`);
    }
    this.#waiting.push({ kind, payload });
    this.#wake();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const next = this.#waiting.shift();
      if (next === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else await this.#run(next.kind, next.payload, signal);
    }
  }

  async #run(kind: string, payload: ShortJobPayload, signal: AbortSignal): Promise<void> {
    const { handlers, mostRetries, firstPauseMs, onFault } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const handler = handlers[kind];
        if (handler === undefined) throw new Error(`nobody here knows short jobs of kind "${kind}"`);
        return await handler(payload);
      } catch (error) {
        if (attempt === mostRetries) return onFault(kind, error);
        await this.#clock.sleep(firstPauseMs * 2 ** attempt, signal).catch(() => undefined); // rejects only when stopping
      }
    }
  }
}

import { SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { ShortJobOptions, ShortJobPayload, ShortJobs, ShortJobTime } from "./short-jobs.ts";

/** Jobs that may wait; one more is refused, so that no flood fills the memory. */
const MOST_WAITING = 10_000;
const LONGEST_SLEEP_MS = 3_600_000;

interface WaitingJob {
  readonly kind: string;
  readonly payload: ShortJobPayload;
  readonly key: string | undefined;
  readonly dueTick: number;
}

/** Short jobs for a hub that is one process: one after the other, in memory. */
export class InProcessJobs implements ShortJobs {
  readonly name = "short jobs";
  readonly #options: ShortJobOptions;
  readonly #clock: Clock;
  readonly #waiting: WaitingJob[] = [];
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

  async send(kind: string, payload: ShortJobPayload, { key, afterMs = 0 }: ShortJobTime = {}): Promise<void> {
    if (key !== undefined && this.#waiting.some((job) => job.kind === kind && job.key === key)) return;
    if (this.#waiting.length >= MOST_WAITING) {
      throw new SightlineError("INTERRUPTED", `${MOST_WAITING} short jobs are waiting already; try again later`);
    }
    this.#waiting.push({ kind, payload, key, dueTick: this.#clock.tick() + afterMs });
    this.#wake();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const now = this.#clock.tick();
      const due = this.#waiting.findIndex(({ dueTick }) => dueTick <= now);
      const [next] = due === -1 ? [] : this.#waiting.splice(due, 1);
      if (next === undefined) await this.#idle(now);
      else await this.#run(next.kind, next.payload, signal);
    }
  }

  /** Until a job is sent or due, or the service stops. */
  async #idle(now: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const nextTick = Math.min(...this.#waiting.map(({ dueTick }) => dueTick), now + LONGEST_SLEEP_MS);
    await this.#clock.sleep(nextTick - now, woken.signal).catch(() => undefined); // rejects only when woken
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

import type { Verdict } from "../contracts/verdict.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";

/** A line that faults at hundreds of parts a second must not fill the log: each reason speaks up this often. */
const SAY_AGAIN_MS = 30_000;

interface Tally {
  saidTick: number;
  since: number;
}

/** Logs the first fault of each reason at once, then how many there were, now and then. */
export class FaultLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #tallies = new Map<string, Tally>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  observe(verdict: Verdict, detail: string): void {
    if (verdict.verdict !== "fault") return;
    const { reason, part } = verdict;
    const tick = this.#clock.tick();
    const tally = this.#tallies.get(reason);
    if (tally !== undefined && tick - tally.saidTick < SAY_AGAIN_MS) {
      tally.since++;
      return;
    }
    this.#tallies.set(reason, { saidTick: tick, since: 0 });
    this.#log.warn({ reason, part, detail, more: tally?.since ?? 0 }, "a part was not inspected");
  }
}

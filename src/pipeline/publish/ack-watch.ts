import type { Clock, MonotonicMs } from "../../platform/clock.ts";

const LONGEST_MS = 3_600_000;

/**
 * Notices that the hub owes acknowledgements: a broker may have lost what it took (a PUBACK is no durability). Each
 * time in a row it waits twice as long, for a hub that is away is not helped by repetition.
 */
export class AckWatch {
  readonly #clock: Clock;
  readonly #withinMs: number;
  #sinceTick: MonotonicMs | undefined;
  #patienceMs: number;

  constructor(clock: Clock, withinMs: number) {
    this.#clock = clock;
    this.#withinMs = withinMs;
    this.#patienceMs = withinMs;
  }

  acknowledged(): void {
    this.#sinceTick = undefined;
    this.#patienceMs = this.#withinMs;
  }

  /** True when everything unacknowledged should be sent again. Ask every now and then while connected. */
  overdue(unacknowledged: number): boolean {
    const now = this.#clock.tick();
    if (unacknowledged === 0) this.#sinceTick = undefined;
    else this.#sinceTick ??= now;
    if (this.#sinceTick === undefined || now - this.#sinceTick < this.#patienceMs) return false;
    this.#sinceTick = undefined;
    this.#patienceMs = Math.min(LONGEST_MS, this.#patienceMs * 2);
    return true;
  }
}

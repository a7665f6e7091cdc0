import type { Clock } from "../../platform/clock.ts";

const MINUTE_MS = 60_000;

/** Lets through so many a minute, the unused of a minute at once. */
export class Admission {
  readonly #perMinute: number;
  readonly #clock: Clock;
  #left: number;
  #filledTick: number;

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute;
    this.#clock = clock;
    this.#left = perMinute;
    this.#filledTick = clock.tick();
  }

  /** Whether the next would be let through. */
  hasRoom(): boolean {
    const now = this.#clock.tick();
    this.#left = Math.min(this.#perMinute, this.#left + ((now - this.#filledTick) / MINUTE_MS) * this.#perMinute);
    this.#filledTick = now;
    return this.#left >= 1;
  }

  admit(): boolean {
    if (!this.hasRoom()) return false;
    this.#left--;
    return true;
  }
}

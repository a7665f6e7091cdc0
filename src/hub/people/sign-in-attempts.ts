import type { Clock } from "../../platform/clock.ts";

interface Failures {
  count: number;
  readonly sinceTick: number;
}

export interface AttemptLimits {
  /** Failures of one name within the window; one more is refused unheard. */
  readonly failures: number;
  readonly windowMs: number;
}

export const ATTEMPT_LIMITS: AttemptLimits = { failures: 10, windowMs: 15 * 60_000 };
const MAX_NAMES = 10_000;

/**
 * Counts failed sign-ins by name, whatever address they come from: a guess spread over a thousand addresses stays ten
 * guesses in a quarter of an hour. Of this process; the limit by address stands beside it.
 */
export class SignInAttempts {
  readonly #failures = new Map<string, Failures>();
  readonly #clock: Clock;
  readonly #limits: AttemptLimits;

  constructor(clock: Clock, limits: AttemptLimits = ATTEMPT_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Seconds until the name may try again; 0: now. */
  waitSeconds(name: string): number {
    const failures = this.#current(name);
    if (failures === undefined || failures.count < this.#limits.failures) return 0;
    return Math.ceil((failures.sinceTick + this.#limits.windowMs - this.#clock.tick()) / 1000);
  }

  failed(name: string): void {
    const failures = this.#current(name);
    if (failures !== undefined) failures.count++;
    else this.#begin(name);
  }

  succeeded(name: string): void {
    this.#failures.delete(name.toLowerCase());
  }

  #begin(name: string): void {
    // Bounded: who tries ten thousand names at once pushes out the oldest.
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= MAX_NAMES && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(name.toLowerCase(), { count: 1, sinceTick: this.#clock.tick() });
  }

  #current(name: string): Failures | undefined {
    const failures = this.#failures.get(name.toLowerCase());
    if (failures === undefined) return undefined;
    if (this.#clock.tick() - failures.sinceTick < this.#limits.windowMs) return failures;
    this.#failures.delete(name.toLowerCase());
    return undefined;
  }
}

import type { Clock, MonotonicMs } from "../../platform/clock.ts";

/** A pause of this length ends what the broker had kept for us ... */
const QUIET_MS = 250;
/** ... and so does this time, for a line whose triggers leave no pause. */
const LONGEST_MS = 3000;

/**
 * Tells triggers of now from those a broker kept while the device was away: their parts have passed the camera long
 * ago, and an image taken now would show another part. MQTT carries no time of sending, so what arrives in one go
 * after a resumed session counts as late.
 */
export class LateTriggers {
  readonly #clock: Clock;
  #expecting = false;
  #resumedTick: MonotonicMs | undefined;
  #previousTick: MonotonicMs | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Call before a connection is tried: messages can arrive before we learn whether a session was resumed, and those
   * can only be of a resumed one.
   */
  expect(): void {
    this.#expecting = true;
    this.#previousTick = undefined;
  }

  connected(sessionPresent: boolean): void {
    this.#expecting = false;
    this.#resumedTick = sessionPresent ? this.#clock.tick() : undefined;
  }

  isLate(redelivered: boolean): boolean {
    if (this.#expecting) return true;
    if (this.#resumedTick === undefined) return redelivered;
    const now = this.#clock.tick();
    const quietMs = now - (this.#previousTick ?? this.#resumedTick);
    this.#previousTick = now;
    if (quietMs < QUIET_MS && now - this.#resumedTick < LONGEST_MS) return true;
    this.#resumedTick = undefined;
    return redelivered;
  }
}

import type { Clock } from "../../platform/clock.ts";

const MOST_AT_ONCE = 64 * 1024;
const PIECES_PER_SECOND = 4;
const LEAST_AT_ONCE = 64;

/** Shares the line to the hub: what is sent never exceeds `bytesPerSecond` on average, and comes in small pieces. */
export class Bandwidth {
  readonly #bytesPerSecond: number | null;
  readonly #clock: Clock;
  #freeTick = 0;

  constructor(bytesPerSecond: number | null, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /** Bytes that may go in one piece. */
  get pieceBytes(): number {
    const rate = this.#bytesPerSecond;
    if (rate === null) return MOST_AT_ONCE;
    return Math.max(LEAST_AT_ONCE, Math.min(MOST_AT_ONCE, Math.floor(rate / PIECES_PER_SECOND)));
  }

  /** Resolves when `bytes` may be sent. Rejects with the signal's reason when it aborts. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#bytesPerSecond === null) return;
    const now = this.#clock.tick();
    const startTick = Math.max(now, this.#freeTick);
    this.#freeTick = startTick + (bytes / this.#bytesPerSecond) * 1000;
    if (startTick > now) await this.#clock.sleep(startTick - now, signal);
  }
}

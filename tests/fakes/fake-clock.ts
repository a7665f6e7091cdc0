import type { Clock, MonotonicMs, WallClockMs } from "../../src/platform/clock.ts";

interface Timer {
  readonly dueTick: number;
  readonly action: () => void;
}

/** A clock that stands until the test moves it. */
export class FakeClock implements Clock {
  #tick = 0;
  readonly #startedAt = Date.UTC(2026, 0, 1);
  #timers: Timer[] = [];

  wallNow(): WallClockMs {
    return (this.#startedAt + this.#tick) as WallClockMs;
  }

  tick(): MonotonicMs {
    return this.#tick as MonotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.after(ms, resolve);
      signal?.addEventListener("abort", () => {
        cancel();
        reject(signal.reason);
      });
    });
  }

  after(ms: number, action: () => void): () => void {
    const timer = { dueTick: this.#tick + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Moves time on, running what falls due in order, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const until = this.#tick + ms;
    for (;;) {
      const next = this.#timers
        .filter(({ dueTick }) => dueTick <= until)
        .sort((left, right) => left.dueTick - right.dueTick)[0];
      if (next === undefined) break;
      this.#tick = Math.max(this.#tick, next.dueTick);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.action();
      await settled();
    }
    this.#tick = until;
    await settled();
  }
}

/** Lets every promise that can settle do so. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

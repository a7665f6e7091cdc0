import type { MonotonicMs } from "../platform/clock.ts";

/**
 * Whether verdicts come in the order in which their parts arrived: with several inferences in flight they need not,
 * and a gate knows a part by its turn alone.
 */
export class TriggerOrder {
  readonly #undecided = new Map<string, MonotonicMs>();
  #newestDecidedTick = Number.NEGATIVE_INFINITY;

  arrived(triggerId: string, receivedTick: MonotonicMs): void {
    this.#undecided.set(triggerId, receivedTick);
  }

  /** True when every part before this one is decided and none after it; false for one that never arrived. */
  decided(triggerId: string): boolean {
    const tick = this.#undecided.get(triggerId);
    if (tick === undefined) return false;
    this.#undecided.delete(triggerId);
    const isNewest = tick >= this.#newestDecidedTick;
    if (isNewest) this.#newestDecidedTick = tick;
    return isNewest && [...this.#undecided.values()].every((other) => other > tick);
  }
}

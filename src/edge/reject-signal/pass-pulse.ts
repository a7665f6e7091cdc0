import type { VerdictKind } from "../../contracts/verdict.ts";
import type { MonotonicMs } from "../../platform/clock.ts";

/**
 * What the wire should carry at any time, from the newest verdict alone: a pass stands for `pulseMs` from its decision
 * and ends early when another verdict comes. Nothing is queued; a pass that was not shown in its time, or was decided
 * out of order, is counted.
 */
export class PassPulse {
  readonly #pulseMs: number;
  #untilTick: number | undefined;
  #shown = false;
  passCount = 0;
  missedCount = 0;
  overlapCount = 0;

  constructor(pulseMs: number) {
    this.#pulseMs = pulseMs;
  }

  decided(verdict: VerdictKind, inOrder: boolean, now: MonotonicMs): void {
    if (this.isDue(now)) {
      this.overlapCount++;
      this.#end();
    }
    if (verdict !== "pass") return;
    if (!inOrder) {
      this.missedCount++;
      return;
    }
    this.#untilTick = now + this.#pulseMs;
    this.#shown = false;
  }

  /** True while the wire should be energised. */
  isDue(now: MonotonicMs): boolean {
    if (this.#untilTick !== undefined && now >= this.#untilTick) this.#end();
    return this.#untilTick !== undefined;
  }

  /** How long the pulse still stands; 0 without one. */
  remainingMs(now: MonotonicMs): number {
    return this.isDue(now) ? (this.#untilTick ?? now) - now : 0;
  }

  /** The wire was energised at `now`. */
  showed(now: MonotonicMs): void {
    if (!this.isDue(now) || this.#shown) return;
    this.#shown = true;
    this.passCount++;
  }

  #end(): void {
    if (!this.#shown) this.missedCount++;
    this.#untilTick = undefined;
  }
}

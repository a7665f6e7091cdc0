import type { Clock } from "../../platform/clock.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";

const AWAY: RetryPolicy = { firstMs: 1000, maxMs: 300_000, jitter: 0.5 };
const UNAUTHORISED: RetryPolicy = { firstMs: 10_000, maxMs: 600_000, jitter: 0.5 };

export type HubTrouble = "away" | "unauthorised";

/** How long everybody leaves the hub alone after it did not answer, or said so. */
export class HubPause {
  readonly #clock: Clock;
  readonly #random: () => number;
  #untilTick = 0;
  #failures = 0;
  #failedTick = Number.NEGATIVE_INFINITY;
  #sinceTick: number | null = null;
  #trouble: { readonly kind: HubTrouble; readonly sentence: string } | null = null;
  #answered = false;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  get trouble(): { readonly kind: HubTrouble; readonly sentence: string } | null {
    return this.#trouble;
  }

  /** It has answered since the start, and to the last question. */
  get connected(): boolean {
    return this.#answered && this.#trouble === null;
  }

  /** How long it has been in trouble. */
  get troubleMs(): number {
    return this.#sinceTick === null ? 0 : this.#clock.tick() - this.#sinceTick;
  }

  /** 0: it may be asked now. */
  get waitMs(): number {
    return Math.max(0, this.#untilTick - this.#clock.tick());
  }

  succeeded(): void {
    this.#answered = true;
    this.#failures = 0;
    this.#untilTick = 0;
    this.#trouble = null;
    this.#sinceTick = null;
  }

  /** `askedTick`: when the question left. Two that were on their way together count as one failure. */
  failed(kind: HubTrouble, sentence: string, askedTick: number, retryAfterMs: number | null = null): void {
    const now = this.#clock.tick();
    this.#trouble = { kind, sentence };
    this.#sinceTick ??= now;
    const policy = kind === "away" ? AWAY : UNAUTHORISED;
    const attempt = askedTick < this.#failedTick ? Math.max(0, this.#failures - 1) : this.#failures++;
    const ownMs = retryDelayMs(policy, attempt, this.#random);
    // Longer than the hub asked for by a random share, so that a fleet does not come back at one moment.
    const askedMs = retryAfterMs === null ? 0 : retryAfterMs * (1 + 0.1 * this.#random());
    this.#untilTick = Math.max(this.#untilTick, now + Math.max(ownMs * (retryAfterMs === null ? 1 : 0), askedMs));
    this.#failedTick = now;
  }

  /** The credential has changed: what was refused may be taken now. */
  forget(): void {
    this.#untilTick = 0;
    this.#failures = 0;
  }
}

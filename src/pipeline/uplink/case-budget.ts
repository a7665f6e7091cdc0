import { z } from "zod";
import type { WallClockMs } from "../../platform/clock.ts";
import type { LocalClock } from "./local-time.ts";

export interface CaseBudgetOptions {
  /** Null: no limit. */
  readonly perHour: number | null;
  readonly perDay: number | null;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
/** How far back the rate of candidates is remembered. */
const MEMORY_MS = HOUR_MS;
/** So long the line is taken to have been quiet before its first candidate: the first ones are all taken. */
const QUIET_BEFORE_MS = 120_000;
/**
 * Nothing is impossible, even when the budget is used up: a frame that could not be chosen would be missing from every
 * estimate. So many in a thousand candidates of weight 1 may come on top of the budget.
 */
const LEAST_CHANCE = 0.001;

export const KeptBudget = z.strictObject({
  schema: z.literal(1),
  hour: z.int(),
  hourCases: z.int().min(0),
  day: z.string(),
  dayCases: z.int().min(0),
  /** Of candidates, decayed. */
  weight: z.number().min(0),
  spanMs: z.number().min(0),
});
export type KeptBudget = z.infer<typeof KeptBudget>;

/**
 * Spreads a budget of cases over the hour and the day, the heavier candidates first. The classic answer, a weighted
 * reservoir (Efraimidis & Spirakis 2006), knows its sample when the window ends; here pictures cannot wait, and each
 * case must carry its chance. So frames are drawn one by one (Poisson sampling) with a chance in proportion to their
 * weight, and the factor follows the budget that is left and the weight that is still to be expected. The factor
 * depends on the past alone, so that the chance of each frame is known before its lot is drawn: sums weighted by one
 * over it (Horvitz & Thompson 1952) are unbiased however badly the rate was guessed.
 */
export class CaseBudget {
  readonly #options: () => CaseBudgetOptions;
  readonly #localTime: LocalClock;
  #hour = -1;
  #hourCases = 0;
  #day = "";
  #dayCases = 0;
  #dayEndsAt = Number.NEGATIVE_INFINITY;
  #dayBeganAt = Number.POSITIVE_INFINITY;
  #weight = 0;
  #spanMs = 0;
  #lastAt: number | undefined;

  constructor(options: () => CaseBudgetOptions, localTime: LocalClock) {
    this.#options = options;
    this.#localTime = localTime;
  }

  get kept(): KeptBudget {
    return {
      ...{ schema: 1, hour: this.#hour, hourCases: this.#hourCases, day: this.#day, dayCases: this.#dayCases },
      ...{ weight: this.#weight, spanMs: this.#spanMs },
    };
  }

  /** What an earlier start had used. Cases of this start that came before are added. */
  restore({ hour, hourCases, day, dayCases, weight, spanMs }: KeptBudget, now: WallClockMs): void {
    this.#turnPages(now);
    if (hour === this.#hour) this.#hourCases += hourCases;
    if (day === this.#day) this.#dayCases += dayCases;
    this.#weight += weight;
    this.#spanMs += spanMs;
  }

  /** The chance, in (0, 1], of a candidate of this weight (> 0). Called once for each candidate, taken or not. */
  chanceOf(weight: number, now: WallClockMs): number {
    this.#turnPages(now);
    this.#remember(weight, now);
    const { perHour, perDay } = this.#options();
    const rate = this.#weight / (this.#spanMs + QUIET_BEFORE_MS);
    const factor = (budget: number | null, used: number, leftMs: number): number =>
      budget === null ? Infinity : Math.max(0, budget - used) / (rate * leftMs);
    const hourLeftMs = (this.#hour + 1) * HOUR_MS - now;
    const dayLeftMs = this.#dayEndsAt - now;
    const least = Math.min(
      factor(perHour, this.#hourCases, hourLeftMs),
      factor(perDay, this.#dayCases, Math.max(dayLeftMs, 1)),
    );
    return Math.min(1, Math.max(LEAST_CHANCE, least) * weight);
  }

  /** A case was chosen, for whatever reason. */
  taken(now: WallClockMs): void {
    this.#turnPages(now);
    this.#hourCases++;
    this.#dayCases++;
  }

  #turnPages(now: WallClockMs): void {
    const hour = Math.floor(now / HOUR_MS);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#hourCases = 0;
    }
    // A calendar is slow to ask: once a day will do, and once more when the clock has been set.
    if (now >= this.#dayBeganAt && now < this.#dayEndsAt) return;
    const { day, minute } = this.#localTime(now);
    this.#dayBeganAt = now - minute * MINUTE_MS;
    this.#dayEndsAt = now + (DAY_MINUTES - minute) * MINUTE_MS;
    if (day === this.#day) return;
    this.#day = day;
    this.#dayCases = 0;
  }

  #remember(weight: number, now: WallClockMs): void {
    const passedMs = Math.max(0, now - (this.#lastAt ?? now));
    this.#lastAt = now;
    const share = Math.exp(-passedMs / MEMORY_MS);
    this.#weight = this.#weight * share + weight;
    this.#spanMs = this.#spanMs * share + passedMs;
  }
}

import type { DeviceOrders } from "../../contracts/hub-case.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { Clock } from "../../platform/clock.ts";
import { CaseBudget, KeptBudget } from "./case-budget.ts";
import type { CaseIntake } from "./case-intake.ts";
import { findReasons, type Sight } from "./case-reasons.ts";
import { type CaseChoice, chooseCase, type ChoiceRules, drawLot } from "./choose-case.ts";
import type { LocalClock } from "./local-time.ts";
import { SentSketches } from "./sent-sketches.ts";
import type { BudgetOptions, CaseOptions } from "./uplink-options.ts";

export interface CaseChooserParts {
  readonly options: CaseOptions;
  readonly budget: Pick<BudgetOptions, "dailyCases">;
  readonly limits: () => DeviceOrders["limits"] | null;
  readonly clock: Clock;
  readonly localTime: LocalClock;
  readonly room: Pick<CaseIntake, "hasRoom" | "skip">;
}

export interface ChoiceAt extends Pick<ChoiceRules, "orders" | "metadata"> {
  /** Labelled cases at the hub; null: it has not said. */
  readonly labels: number | null;
}

/** Chooses frames within the budget, and remembers what it chose. */
export class CaseChooser {
  readonly #with: CaseChooserParts;
  readonly #budget: CaseBudget;
  readonly #sent = new SentSketches();

  constructor(parts: CaseChooserParts) {
    const { options, budget, limits, localTime } = parts;
    this.#with = parts;
    const { perHour } = options;
    // What would not be sent today need not be chosen today.
    const perDay = (): number | null => {
      const least = Math.min(
        ...[options.perDay, budget.dailyCases, limits()?.dailyCases ?? null].map((limit) => limit ?? Infinity),
      );
      return least === Infinity ? null : least;
    };
    this.#budget = new CaseBudget(() => ({ perHour, perDay: perDay() }), localTime);
  }

  choose(verdict: Verdict, sight: Sight, { orders, metadata, labels }: ChoiceAt): CaseChoice | null {
    const { options, clock, room } = this.#with;
    const now = clock.wallNow();
    // Whether there is room is known before the lots are drawn: what is left out for lack of it had no chance.
    const hasRoom = room.hasRoom();
    const choice = chooseCase(
      verdict,
      {
        ...{ options, orders, metadata },
        chanceOf: (weight) => (hasRoom ? this.#budget.chanceOf(weight, now) : 0),
        isKnown: (sketch) => this.#sent.isNear(sketch, options.nearDuplicate),
        coldStart: labels !== null && labels < options.coldStartLabels,
      },
      sight,
    );
    if (choice !== null) {
      this.#budget.taken(now);
      if (sight.sketch !== null) this.#sent.add(sight.sketch);
    } else if (!hasRoom && findReasons(verdict, sight, options).reasons.length > 0) room.skip();
    return choice;
  }

  /** Whether the budget takes a frame of which it became known later that two models judge it differently. */
  takesDisagreement(verdict: Verdict): boolean {
    const { options, clock } = this.#with;
    const now = clock.wallNow();
    const { weight } = findReasons(verdict, { furtherOut: null, sketch: null, disagreement: true }, options);
    if (drawLot(options.auditSeed, "disagreement", verdict.id) >= this.#budget.chanceOf(weight, now)) return false;
    this.#budget.taken(now);
    return true;
  }

  /** JSON for the disk. */
  get kept(): KeptBudget {
    return this.#budget.kept;
  }

  /** `json` of an earlier start; one that cannot be read is as if there were none. */
  restore(json: string): void {
    const kept = KeptBudget.safeParse(JSON.parse(json));
    if (kept.success) this.#budget.restore(kept.data, this.#with.clock.wallNow());
  }
}

import type { DecisionLimits } from "../contracts/model-bundle.ts";
import type { PromiseTerms } from "../statistics/exact-promise.ts";
import {
  defectivePartScores,
  escapePromise,
  goodPartScores,
  joinLimits,
  justAbove,
  overkillPromise,
  type PromiseResult,
} from "./certificate.ts";
import { cheapestLimits, type VerdictCosts } from "./cost-limits.ts";
import type { ScoredFrame } from "./metrics.ts";

export interface LimitWishes {
  /** Null: no promise is asked for. */
  readonly escape: PromiseTerms | null;
  readonly overkill: PromiseTerms | null;
  /** Least cost within what the promises allow; null: only the promises decide. */
  readonly costs: VerdictCosts | null;
}

export interface ChosenLimits {
  readonly limits: Omit<DecisionLimits, "temperature">;
  readonly escape: PromiseResult | null;
  readonly overkill: PromiseResult | null;
  /** Mean cost of a held-out part, where costs were given. */
  readonly costPerPart: number | null;
}

/** Share of the held-out good parts that may be rejected where nothing was promised about them. */
const UNPROMISED_OVERKILL = 0.05;

/**
 * Limits from held-out parts. Without costs: `passBelow` as the escape promise says, or, where the data do not support
 * it, the least score of a defective part; `rejectFrom` as the overkill promise says, or so that at most 5 % of the
 * good parts are rejected. A limit whose kind of part is missing stays as it was (`before`).
 */
export function limitsByWishes(
  frames: readonly ScoredFrame[],
  wishes: LimitWishes,
  before: Omit<DecisionLimits, "temperature">,
): ChosenLimits {
  const scores = { defective: defectivePartScores(frames), good: goodPartScores(frames) };
  const escape = wishes.escape === null ? null : escapePromise(scores.defective, wishes.escape);
  const overkill = wishes.overkill === null ? null : overkillPromise(scores.good, wishes.overkill);
  if (wishes.costs === null) {
    const passBelow = escape?.limit ?? least(scores.defective) ?? before.passBelow;
    const rejectFrom = overkill?.limit ?? unpromisedRejectFrom(scores.good) ?? before.rejectFrom;
    return { limits: joinLimits(passBelow, rejectFrom), escape, overkill, costPerPart: null };
  }
  const { costPerPart, ...limits } = cheapestLimits(scores, wishes.costs, {
    greatestPassBelow: escape?.limit ?? 1,
    leastRejectFrom: overkill?.limit ?? 0,
  });
  return { limits, escape, overkill, costPerPart };
}

const least = (scores: readonly number[]): number | undefined =>
  scores.length === 0 ? undefined : scores.reduce((low, score) => Math.min(low, score), Infinity);

function unpromisedRejectFrom(scores: readonly number[]): number | undefined {
  const sorted = [...scores].sort((a, b) => b - a);
  const greatest = sorted[Math.floor(UNPROMISED_OVERKILL * sorted.length)];
  return greatest === undefined ? undefined : Math.min(1, justAbove(greatest));
}

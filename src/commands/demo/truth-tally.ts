import { labelOf } from "../../simulation/render-part.ts";
import type { LineSettings, PartClass } from "../../simulation/line-settings.ts";
import { wilson } from "../../statistics/shares.ts";

/** What came of the parts of a stretch of the line, against what the simulator knows of them. */
export interface TruthTally {
  readonly defectiveParts: number;
  readonly escapes: number;
  readonly goodParts: number;
  readonly overkills: number;
  /** Left to a person, of either kind. */
  readonly reviews: number;
}

export const NOTHING_COUNTED: TruthTally = { defectiveParts: 0, escapes: 0, goodParts: 0, overkills: 0, reviews: 0 };

/** What a simulated part really is, from its id; null for another's id. */
export function truthOf(
  settings: Pick<LineSettings, "seed" | "defectRate" | "classMix">,
  part: string,
): PartClass | null {
  const [, seed, index] = /^sim-(\d+)-(\d+)$/.exec(part) ?? [];
  if (index === undefined || Number(seed) !== settings.seed) return null;
  return labelOf(settings, Number(index));
}

/** A passed defect is an escape, a rejected good part overkill; `review` and `fault` are neither. */
export function counted(tally: TruthTally, truth: PartClass, verdict: string): TruthTally {
  const isDefective = truth !== "free";
  return {
    defectiveParts: tally.defectiveParts + (isDefective ? 1 : 0),
    escapes: tally.escapes + (isDefective && verdict === "pass" ? 1 : 0),
    goodParts: tally.goodParts + (isDefective ? 0 : 1),
    overkills: tally.overkills + (!isDefective && verdict === "reject" ? 1 : 0),
    reviews: tally.reviews + (verdict === "review" ? 1 : 0),
  };
}

/** "escapes 12 of 31 (22 to 57 %), good parts rejected 2 of 80 (1 to 9 %)": 95 % intervals (Wilson). */
export function tallyText({ defectiveParts, escapes, goodParts, overkills, reviews }: TruthTally): string {
  const person = `left to a person ${share(reviews, defectiveParts + goodParts)}`;
  return `escapes ${share(escapes, defectiveParts)}, good parts rejected ${share(overkills, goodParts)}, ${person}`;
}

function share(count: number, of: number): string {
  if (of === 0) return "0 of 0";
  const { low, high } = wilson(count, of);
  return `${count} of ${of} (${Math.round(low * 100)} to ${Math.round(high * 100)} %)`;
}

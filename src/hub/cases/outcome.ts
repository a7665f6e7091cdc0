import type { VerdictKind } from "../../contracts/verdict.ts";
import type { Outcome } from "../store/tables.ts";

export interface JudgedCase {
  readonly verdict: VerdictKind;
  /** What the model said; null where it did not judge. */
  readonly class: string | null;
  readonly label: string;
  readonly labelDefect: boolean;
  readonly goodClasses: readonly string[];
}

/** What a person's label makes of a verdict. A part that nobody inspected, or that a person was to decide, is no error. */
export function outcomeOf({ verdict, class: said, label, labelDefect, goodClasses }: JudgedCase): Outcome {
  if (verdict === "fault") return "fault";
  if (verdict === "review") return "undecided";
  if (labelDefect && verdict === "pass") return "escape";
  if (!labelDefect && verdict === "reject") return "overkill";
  const saidDefect = said !== null && !goodClasses.includes(said);
  return labelDefect && saidDefect && said !== label ? "wrong-class" : "correct";
}

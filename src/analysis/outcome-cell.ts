/**
 * What the truth makes of a judgement. Escape (a defective thing called good), overkill (a good one called defective) and
 * wrong-class are errors; `undecided` was left to a person and `fault` was not judged: neither right nor wrong.
 */
export type Outcome = "correct" | "escape" | "overkill" | "wrong-class" | "undecided" | "fault";

export const isError = (outcome: Outcome): boolean =>
  outcome === "escape" || outcome === "overkill" || outcome === "wrong-class";

export const isJudged = (outcome: Outcome): boolean => outcome === "correct" || isError(outcome);

/** Cases of one model version that came out the same way and carry exactly these tags. */
export interface OutcomeCell {
  readonly modelVersion: string;
  readonly outcome: Outcome;
  /** Without repetition; not mutually exclusive. */
  readonly tags: readonly string[];
  readonly cases: number;
}

/**
 * The outcome of any classifier's answer. Without good classes every error is `wrong-class`: escape and overkill mean
 * something only where some classes are harmless.
 */
export function outcomeOfPrediction(label: string, predicted: string, goodClasses: ReadonlySet<string>): Outcome {
  if (label === predicted) return "correct";
  const labelGood = goodClasses.has(label);
  const predictedGood = goodClasses.has(predicted);
  if (labelGood && predictedGood) return "correct";
  if (goodClasses.size === 0 || labelGood === predictedGood) return "wrong-class";
  return labelGood ? "overkill" : "escape";
}

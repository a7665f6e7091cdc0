/** What kinds of work there are; the same words as a work order's. */
export const STEP_KINDS = [
  "collect",
  "relabel",
  "augment",
  "synthesise",
  "camera",
  "feature",
  "train",
  "leave",
] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/** Which rule of next-steps.ts proposes a step. */
export const STEP_RULES = [
  "stronger-model",
  "better-input",
  "regularise",
  "more-data",
  "targeted-data",
  "like-production",
  "imitate-production",
  "fix-labels",
  "fix-baseline-labels",
  "fix-baseline-optics",
  "work-on-tag",
  "work-on-slice",
  "work-on-cluster",
] as const;
export type StepRule = (typeof STEP_RULES)[number];

export interface StepAssumption {
  /** Share of what the step could bring at most that it usually does bring, 0-1. */
  readonly share: number;
  /** Working days of one person. */
  readonly days: number;
}

/**
 * Judgement, not measurement, except for labels: about half of what confident learning flags is really wrong (Northcutt,
 * Athalye & Mueller 2021). They only order the list. A hub replaces them by what its closed work orders brought.
 */
export const STEP_ASSUMPTIONS: { readonly [R in StepRule]: StepAssumption } = {
  "stronger-model": { share: 0.4, days: 1 },
  "better-input": { share: 0.4, days: 5 },
  regularise: { share: 0.25, days: 1 },
  /** The gain is the learning curve's own forecast. */
  "more-data": { share: 1, days: 5 },
  "targeted-data": { share: 0.3, days: 5 },
  "like-production": { share: 0.5, days: 4 },
  "imitate-production": { share: 0.2, days: 2 },
  "fix-labels": { share: 0.5, days: 0.5 },
  "fix-baseline-labels": { share: 0.3, days: 3 },
  "fix-baseline-optics": { share: 0.4, days: 5 },
  "work-on-tag": { share: 0.5, days: 3 },
  "work-on-slice": { share: 0.5, days: 3 },
  "work-on-cluster": { share: 0.3, days: 3 },
};

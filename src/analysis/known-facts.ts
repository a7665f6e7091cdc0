import type { Interval } from "../statistics/intervals.ts";
import type { Agreement } from "./cohens-kappa.ts";
import type { Diagnosis, Gap, GapName } from "./diagnose.ts";
import type { ErrorTable } from "./error-table.ts";
import type { SliceReport } from "./find-slices.ts";
import type { LearningCurve } from "./learning-curve.ts";
import type { StepAssumption, StepKind, StepRule } from "./step-assumptions.ts";

/** Everything known; null or absent where it is not. */
export interface KnownFacts {
  /** Of what: images may be taken differently, anything else not. */
  readonly task: "images" | "any";
  readonly table: ErrorTable | null;
  readonly diagnosis: Diagnosis | null;
  readonly curve: LearningCurve | null;
  readonly slices: SliceReport | null;
  readonly clusters: SliceReport | null;
  readonly labels: SuspicionFigures | null;
  readonly agreement: Agreement | null;
  /** Error rate that is wanted; null: the baseline. */
  readonly wantedError: number | null;
  readonly assumptions?: { readonly [R in StepRule]?: StepAssumption };
}

export interface SuspicionFigures {
  /** Suspected labels in all, and among the cases counted as errors. */
  readonly suspects: number;
  readonly suspectedErrors: number;
  readonly cases: number;
}

/** What a rule proposes before it is weighed: the most it could bring. */
export interface Proposal {
  readonly rule: StepRule;
  readonly kind: StepKind;
  readonly title: string;
  readonly reason: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly most: number;
  readonly interval: Interval;
  /** Instead of the assumed one. */
  readonly days?: number;
}

export const calledGap = ({ diagnosis }: KnownFacts, name: GapName): Gap | undefined =>
  diagnosis?.gaps.find((gap) => gap.name === name && gap.called);

const NAMES: { readonly [N in GapName]: string } = {
  "avoidable-bias": "Avoidable bias",
  variance: "Variance",
  mismatch: "Data mismatch",
  "validation-overfit": "Overfitting to validation",
  total: "Distance to the baseline",
};

/** "Variance: validation is 4.9 points worse than train (95 %: 0.9 to 9.1)." */
export const gapSentence = ({ name, from, to, size, interval }: Gap): string =>
  `${NAMES[name]}: ${to} is ${points(size)} points worse than ${from} (95 %: ${points(interval.low)} to ${points(interval.high)}).`;

export const points = (share: number): string => (100 * share).toFixed(1);

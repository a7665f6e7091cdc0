import type { Interval } from "../statistics/intervals.ts";
import { type Share, shareDifference, shareOf } from "../statistics/shares.ts";

export const SPLITS = ["train", "validation", "production", "test"] as const;
/**
 * `train`: what the model learnt from; `validation`: held out from the same source, models are chosen by it;
 * `production`: held out and like what the model meets at work; `test`: held out and looked at once.
 */
export type Split = (typeof SPLITS)[number];

/** Wrong of all judged; parts where frames of one part are not independent. */
export interface ErrorCount {
  readonly errors: number;
  readonly cases: number;
  /** Cases that count as an independent one (slice-halves.ts); 1 unless told. */
  readonly designEffect?: number;
}

export interface DiagnosisInput {
  /**
   * What can be reached at all: a person's error rate with its count (see cohensKappa), or a rate that is simply wanted.
   * Null: not known, then bias cannot be called.
   */
  readonly baseline: ErrorCount | number | null;
  readonly splits: { readonly [S in Split]?: ErrorCount };
  readonly confidence?: number;
}

export const GAP_NAMES = ["avoidable-bias", "variance", "mismatch", "validation-overfit", "total"] as const;
export type GapName = (typeof GAP_NAMES)[number];

/** How much worse one rate is than another. */
export interface Gap {
  readonly name: GapName;
  readonly from: Split | "baseline";
  readonly to: Split;
  /** Error rate of `to` less that of `from`. */
  readonly size: number;
  readonly interval: Interval;
  /** True when the interval lies above 0: the gap is more than chance. */
  readonly called: boolean;
}

export interface Diagnosis {
  readonly baseline: { readonly errorRate: number; readonly interval: Interval | null } | null;
  readonly rates: readonly { readonly split: Split; readonly errorRate: Share }[];
  /** Those both ends of which are known, in the order of GAP_NAMES. */
  readonly gaps: readonly Gap[];
  /** Called gaps, the largest first, without `total`. */
  readonly called: readonly GapName[];
  /** Error rates at or below the baseline within their interval, and no gap called: the model is where it should be. */
  readonly goodEnough: boolean;
  /** What is not known, a sentence each, with what to add. */
  readonly missing: readonly string[];
}

const GAPS: readonly { readonly name: GapName; readonly from: Split | "baseline"; readonly to: readonly Split[] }[] = [
  { name: "avoidable-bias", from: "baseline", to: ["train"] },
  { name: "variance", from: "train", to: ["validation"] },
  { name: "mismatch", from: "validation", to: ["production"] },
  // What was chosen by validation must be compared with a fresh sample of the same source.
  { name: "validation-overfit", from: "validation", to: ["test"] },
  { name: "total", from: "baseline", to: ["production", "validation", "test"] },
];

/**
 * Bias, variance, mismatch and overfitting to the validation set (Ng, Machine Learning Yearning, chapters 20-41), each
 * called only when it exceeds its interval (Newcombe): at 200 cases and 5 % error a gap of 3 points is still chance.
 * The test set is compared with validation and so should come from the same source.
 */
export function diagnose({ baseline, splits, confidence = 0.95 }: DiagnosisInput): Diagnosis {
  const rates = SPLITS.flatMap((split) => {
    const count = splits[split];
    return count === undefined || count.cases === 0 ? [] : [{ split, errorRate: rateShare(count, confidence) }];
  });
  const rateOf = (split: Split): Share | undefined => rates.find((rate) => rate.split === split)?.errorRate;
  const gaps = GAPS.flatMap(({ name, from, to }): Gap[] => {
    const target = to.find((split) => rateOf(split) !== undefined);
    const upper = target === undefined ? undefined : rateOf(target);
    if (target === undefined || upper === undefined) return [];
    const found = from === "baseline" ? gapToBaseline(upper, baseline, confidence) : gapTo(upper, rateOf(from));
    return found === null ? [] : [{ name, from, to: target, ...found, called: found.interval.low > 0 }];
  });
  const called = gaps
    .filter((gap) => gap.called && gap.name !== "total")
    .sort((one, other) => other.size - one.size)
    .map(({ name }) => name);
  const total = gaps.find(({ name }) => name === "total");
  return {
    baseline: baselineRate(baseline, confidence),
    rates,
    gaps,
    called,
    goodEnough: total !== undefined && !total.called && called.length === 0,
    missing: missingParts(baseline !== null, rateOf),
  };
}

const rateShare = ({ errors, cases, designEffect }: ErrorCount, confidence: number): Share =>
  shareOf(errors, cases, confidence, designEffect);

function gapTo(upper: Share, lower: Share | undefined) {
  if (lower === undefined) return null;
  const { difference, interval } = shareDifference(upper, lower);
  return { size: difference, interval };
}

function gapToBaseline(upper: Share, baseline: DiagnosisInput["baseline"], confidence: number) {
  if (baseline === null) return null;
  if (typeof baseline !== "number") {
    return baseline.cases === 0 ? null : gapTo(upper, rateShare(baseline, confidence));
  }
  const { low, high } = upper.interval;
  return { size: upper.share - baseline, interval: { low: low - baseline, high: high - baseline } };
}

function baselineRate(baseline: DiagnosisInput["baseline"], confidence: number): Diagnosis["baseline"] {
  if (baseline === null) return null;
  if (typeof baseline === "number") return { errorRate: baseline, interval: null };
  const { share, interval } = rateShare(baseline, confidence);
  return { errorRate: share, interval };
}

function missingParts(hasBaseline: boolean, rateOf: (split: Split) => Share | undefined): string[] {
  const sentences: string[] = [];
  const lacks = (split: Split): boolean => rateOf(split) === undefined;
  if (!hasBaseline)
    sentences.push(
      "Without a baseline (a person's error rate, or the one that is wanted) bias cannot be called: give --baseline-error.",
    );
  if (lacks("train"))
    sentences.push("Without judged training cases bias and variance cannot be told apart: add rows with split train.");
  if (lacks("validation"))
    sentences.push("Without validation cases variance cannot be called: add rows with split validation.");
  if (lacks("production"))
    sentences.push("Without cases from production a mismatch cannot be called: add rows with split production.");
  return sentences;
}

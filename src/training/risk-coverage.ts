/** A judgement that may be wrong, and how sure it was. */
export interface Judgement {
  /** Any order-preserving scale; the surest are kept longest. */
  readonly confidence: number;
  readonly wrong: boolean;
}

export interface RiskCoveragePoint {
  /** Share of the judgements kept, the surest first, 0-1. */
  readonly coverage: number;
  /** Share of the kept ones that are wrong. */
  readonly risk: number;
}

export interface RiskCoverage {
  readonly points: readonly RiskCoveragePoint[];
  /** Area under the risk-coverage curve: mean risk over all coverages (Geifman & El-Yaniv 2017). */
  readonly aurc: number;
  /**
   * Area under the generalised risk-coverage curve (Traub et al. 2024): the chance that a judgement is kept and wrong,
   * averaged over all coverages. Equals (1 - AUROC of the confidence) * accuracy * error + error² / 2.
   */
  readonly augrc: number;
}

/**
 * Risk against coverage. Judgements of equal confidence are kept or left together: the curve has one point for each
 * distinct confidence, and within a tie the errors count as evenly spread. NaN areas without judgements.
 */
export function riskCoverage(judgements: readonly Judgement[]): RiskCoverage {
  const sorted = [...judgements].sort((a, b) => b.confidence - a.confidence);
  const total = sorted.length;
  const points: RiskCoveragePoint[] = [];
  let riskSum = 0;
  let generalisedSum = 0;
  let kept = 0;
  let wrong = 0;
  while (kept < total) {
    const tie = tieFrom(sorted, kept);
    for (let step = 1; step <= tie.count; step++) riskSum += (wrong + (tie.wrong * step) / tie.count) / (kept + step);
    generalisedSum += tie.count * (wrong + tie.wrong / 2);
    kept += tie.count;
    wrong += tie.wrong;
    points.push({ coverage: kept / total, risk: wrong / kept });
  }
  return { points, aurc: riskSum / total, augrc: generalisedSum / total ** 2 };
}

function tieFrom(sorted: readonly Judgement[], start: number): { count: number; wrong: number } {
  let end = start;
  let wrong = 0;
  for (; end < sorted.length && sorted[end]?.confidence === sorted[start]?.confidence; end++) {
    if (sorted[end]?.wrong === true) wrong++;
  }
  return { count: end - start, wrong };
}

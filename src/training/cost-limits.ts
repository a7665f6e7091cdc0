/** What one part costs, any currency, none negative. Right verdicts cost nothing. */
export interface VerdictCosts {
  /** A defective part passed. */
  readonly escape: number;
  /** A good part rejected. */
  readonly overkill: number;
  /** A part left to a person. */
  readonly review: number;
}

/** Where promises already bind the limits. */
export interface LimitBounds {
  readonly greatestPassBelow: number;
  readonly leastRejectFrom: number;
}

export interface CostLimits {
  readonly passBelow: number;
  readonly rejectFrom: number;
  /** Mean cost of a held-out part at these limits. */
  readonly costPerPart: number;
}

interface CostedPart {
  readonly score: number;
  readonly passCost: number;
  readonly rejectCost: number;
}

/**
 * Limits of least total cost on held-out parts, given the parts' scores (see certificate.ts); exact search over every
 * pair of gaps between scores, in one sweep. Limits lie in the middle of a gap, so that they do not hang on one part.
 * The cheapest pair with the least review band is taken on a tie. Mixes defective and good parts as they come in the data.
 */
export function cheapestLimits(
  scores: { readonly defective: readonly number[]; readonly good: readonly number[] },
  costs: VerdictCosts,
  bounds: LimitBounds = { greatestPassBelow: 1, leastRejectFrom: 0 },
): CostLimits {
  const parts = [
    ...scores.defective.map((score): CostedPart => ({ score, passCost: costs.escape, rejectCost: 0 })),
    ...scores.good.map((score): CostedPart => ({ score, passCost: 0, rejectCost: costs.overkill })),
  ].sort((a, b) => a.score - b.score);
  const candidates = limitCandidates(parts, bounds);
  const passCosts = cumulativeCosts(parts, candidates, ({ passCost }) => passCost - costs.review);
  const rejectCosts = cumulativeCosts(parts, candidates, ({ rejectCost }) => rejectCost - costs.review);
  const allRejected = parts.reduce((sum, { rejectCost }) => sum + rejectCost - costs.review, 0);
  let best = { cost: Infinity, passBelow: 0, rejectFrom: 1 };
  let pass = { cost: Infinity, limit: 0 };
  candidates.forEach((limit, index) => {
    const passCost = passCosts[index] ?? 0;
    // Later, so higher, on a tie: the narrower review band.
    if (limit <= bounds.greatestPassBelow && passCost <= pass.cost) pass = { cost: passCost, limit };
    if (limit < bounds.leastRejectFrom) return;
    const cost = pass.cost + allRejected - (rejectCosts[index] ?? 0);
    if (cost < best.cost) best = { cost, passBelow: pass.limit, rejectFrom: limit };
  });
  const costPerPart = parts.length === 0 ? 0 : (best.cost + costs.review * parts.length) / parts.length;
  return { passBelow: best.passBelow, rejectFrom: best.rejectFrom, costPerPart };
}

/** 0, the middle of every gap, 1, and the bounds, ascending. */
function limitCandidates(parts: readonly CostedPart[], bounds: LimitBounds): number[] {
  const middles = parts.flatMap(({ score }, index) => {
    const next = parts[index + 1]?.score;
    return next === undefined || next === score ? [] : [score + (next - score) / 2];
  });
  const all = [0, ...middles, 1, bounds.greatestPassBelow, bounds.leastRejectFrom];
  return [...new Set(all)].sort((a, b) => a - b);
}

/** For each limit the summed cost of the parts strictly below it. */
function cumulativeCosts(
  parts: readonly CostedPart[],
  limits: readonly number[],
  costOf: (part: CostedPart) => number,
): number[] {
  let next = 0;
  let sum = 0;
  return limits.map((limit) => {
    for (let part = parts[next]; part !== undefined && part.score < limit; part = parts[++next]) sum += costOf(part);
    return sum;
  });
}

import { type Share, shareOf } from "../statistics/shares.ts";
import { isError, isJudged, type OutcomeCell } from "./outcome-cell.ts";
import { type ShareMaker, type TagTrend, tagTrend } from "./tag-trend.ts";
import { type OutcomeTally, tallyOutcomes, type VersionTally } from "./tally-outcomes.ts";

/** What one error costs, in any currency, neither negative. A wrong defect class costs nothing here. */
export interface ErrorPrices {
  readonly escape: number;
  readonly overkill: number;
}

export interface ErrorTableOptions {
  /** Versions from the oldest to the newest; without them, in order of appearance. The table is of the last. */
  readonly versions?: readonly string[];
  readonly prices?: ErrorPrices | null;
  /** Of all intervals, in (0, 1). */
  readonly confidence?: number;
  /** Cases that count as an independent one (slice-halves.ts); 1 unless told. */
  readonly designEffect?: number;
}

/** What would be left if some tags were solved: every error that carries one of them gone, nothing else changed. */
export interface Ceiling {
  readonly errorsSolved: number;
  /** Share of the judged cases still wrong. */
  readonly errorRate: Share;
  /** 1 - error rate. */
  readonly accuracy: number;
  /** Accuracy gained, 0-1. */
  readonly gain: number;
}

export interface ErrorCost {
  readonly escapes: number;
  readonly overkills: number;
  readonly wrongClasses: number;
  /** Null without prices. */
  readonly amount: number | null;
}

export interface TagRow {
  readonly tag: string;
  readonly errors: number;
  /** Of all errors. */
  readonly shareOfErrors: Share;
  /** Judged cases with the tag, right or wrong. */
  readonly cases: number;
  /** Of all judged cases. */
  readonly shareOfData: Share;
  /** Within the tag; null when only errors carry it, since then it says nothing. */
  readonly errorRate: Share | null;
  /** Errors that carry no other tag. */
  readonly onlyThisTag: number;
  /** If this tag alone were solved. */
  readonly ceiling: Ceiling;
  readonly cost: ErrorCost;
  /** Null with one version. */
  readonly trend: TagTrend | null;
}

/** A tag of the joint ceiling: what it adds to those before it. */
export interface CeilingStep {
  readonly tag: string;
  /** Errors that carry it and none of the tags before. */
  readonly errorsAdded: number;
  /** With all tags up to this one solved. */
  readonly ceiling: Ceiling;
}

export interface ErrorTable {
  readonly modelVersion: string | null;
  /** Cases judged, right or wrong. */
  readonly cases: number;
  readonly errors: number;
  readonly undecided: number;
  readonly faults: number;
  readonly errorRate: Share;
  readonly accuracy: number;
  readonly untaggedErrors: Share;
  /** Most errors first. */
  readonly tags: readonly TagRow[];
  /** Each time the tag that adds most to those before; overlaps count once. */
  readonly jointCeiling: readonly CeilingStep[];
  readonly cost: ErrorCost;
  /** Of all errors, tagged or not; null with one version. */
  readonly trend: TagTrend | null;
}

/**
 * Where the errors are, by tag, from counts alone: it takes as long for a million cases as for a hundred. Tags are not
 * mutually exclusive, so shares may add up to more than 1, and ceilings of several tags are not sums (jointCeiling).
 */
export function errorTable(counts: readonly OutcomeCell[], options: ErrorTableOptions = {}): ErrorTable {
  const { prices = null, confidence = 0.95, designEffect = 1 } = options;
  const share: ShareMaker = (hits, trials) => shareOf(hits, trials, confidence, designEffect);
  const tallies = tallyOutcomes(counts);
  const versions = options.versions ?? [...tallies.keys()];
  const modelVersion = versions.at(-1) ?? null;
  const tally = (modelVersion === null ? undefined : tallies.get(modelVersion)) ?? NOTHING;
  const { cases, errors } = tally.all;
  const rows = [...tally.byTag].map(([tag, its]): TagRow => ({
    tag,
    errors: its.errors,
    shareOfErrors: share(its.errors, errors),
    cases: its.cases,
    shareOfData: share(its.cases, cases),
    errorRate: its.cases === its.errors ? null : share(its.errors, its.cases),
    onlyThisTag: its.alone,
    ceiling: ceilingOf(its.errors, errors, cases, share),
    cost: costOf(its, prices),
    trend: tagTrend(tallies, versions, tag, share),
  }));
  const wrong = counts.filter((cell) => cell.modelVersion === modelVersion && isError(cell.outcome));
  return {
    modelVersion,
    cases,
    errors,
    undecided: tally.undecided,
    faults: tally.faults,
    errorRate: share(errors, cases),
    accuracy: cases === 0 ? 0 : 1 - errors / cases,
    untaggedErrors: share(tally.all.alone, errors),
    tags: rows.sort((one, other) => other.errors - one.errors || (one.tag < other.tag ? -1 : 1)),
    jointCeiling: ceilingSteps(wrong, { errors, cases, share }),
    cost: costOf(tally.all, prices),
    trend: tagTrend(tallies, versions, null, share),
  };
}

const NOTHING: VersionTally = {
  all: { cases: 0, errors: 0, escapes: 0, overkills: 0, wrongClasses: 0, alone: 0 },
  byTag: new Map(),
  undecided: 0,
  faults: 0,
};

/** The ceiling of any set of tags together, for one model version; an error that carries several of them counts once. */
export function jointCeiling(
  counts: readonly OutcomeCell[],
  tags: readonly string[],
  options: { readonly modelVersion: string; readonly confidence?: number },
): Ceiling {
  const judged = counts.filter(
    ({ modelVersion, outcome }) => modelVersion === options.modelVersion && isJudged(outcome),
  );
  const wrong = judged.filter(({ outcome }) => isError(outcome));
  const solved = casesIn(wrong.filter((cell) => cell.tags.some((tag) => tags.includes(tag))));
  return ceilingOf(solved, casesIn(wrong), casesIn(judged), (hits, trials) =>
    shareOf(hits, trials, options.confidence),
  );
}

const casesIn = (cells: readonly OutcomeCell[]): number => cells.reduce((sum, { cases }) => sum + cases, 0);

function ceilingOf(errorsSolved: number, errors: number, cases: number, share: ShareMaker): Ceiling {
  const errorRate = share(errors - errorsSolved, cases);
  return {
    errorsSolved,
    errorRate,
    accuracy: cases === 0 ? 0 : 1 - errorRate.share,
    gain: cases === 0 ? 0 : errorsSolved / cases,
  };
}

const costOf = ({ escapes, overkills, wrongClasses }: OutcomeTally, prices: ErrorPrices | null): ErrorCost => ({
  escapes,
  overkills,
  wrongClasses,
  amount: prices === null ? null : escapes * prices.escape + overkills * prices.overkill,
});

/** Greedy: the best first step, then the best second one, as a team would go; equal ones by name. */
function ceilingSteps(
  wrong: readonly OutcomeCell[],
  { errors, cases, share }: { readonly errors: number; readonly cases: number; readonly share: ShareMaker },
): CeilingStep[] {
  const steps: CeilingStep[] = [];
  let left = wrong.filter(({ tags }) => tags.length > 0);
  let solved = 0;
  while (left.length > 0) {
    const added = new Map<string, number>();
    for (const { tags, cases: count } of left) {
      for (const tag of tags) added.set(tag, (added.get(tag) ?? 0) + count);
    }
    const [best] = [...added].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
    if (best === undefined) break;
    const [tag, errorsAdded] = best;
    solved += errorsAdded;
    left = left.filter(({ tags }) => !tags.includes(tag));
    if (errorsAdded > 0) steps.push({ tag, errorsAdded, ceiling: ceilingOf(solved, errors, cases, share) });
  }
  return steps;
}

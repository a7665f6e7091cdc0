import { benjaminiHochberg } from "../statistics/false-discovery.ts";
import { type Share, type ShareDifference, shareDifference, shareOf } from "../statistics/shares.ts";
import { type Count, fisherGreater } from "../statistics/two-shares.ts";
import { type Facet, metadataFacets } from "./facets.ts";
import { CHECK_HALF, designEffect, halvesByGroup, SEARCH_HALF } from "./slice-halves.ts";

export interface SliceItem {
  readonly id: string;
  /** The physical part, or the id where items are independent. */
  readonly group: string;
  readonly wrong: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface SliceOptions {
  readonly seed: number;
  /** Least number of items a slice must have in each half. */
  readonly minSupport?: number;
  /** Least ratio of the error rate in the slice to that outside. */
  readonly minRatio?: number;
  /** Expected share of false ones among the slices found on the first half, before the check. */
  readonly falseDiscoveries?: number;
  /** Two metadata columns at a time, too. */
  readonly pairs?: boolean;
}

export const SLICE_DEFAULTS = { minSupport: 20, minRatio: 1.25, falseDiscoveries: 0.1, pairs: true } as const;
/** Expected share of false ones among those that pass the check. */
const CHECK_FALSE_DISCOVERIES = 0.05;
/** p-value below which what a pair leaves of a slice is still worse than the rest. */
const UNEXPLAINED_BELOW = 0.05;
const EXAMPLES = 12;

export interface SliceHypothesis {
  /** One or two conditions, all of which hold. */
  readonly conditions: readonly { readonly key: string; readonly value: string }[];
  /** p-value on the half it was found on, adjusted for all that was tried (Benjamini & Hochberg). */
  readonly foundQ: number;
  /** p-value on the other half, adjusted for all that were found. */
  readonly checkQ: number;
  /** True when the other half shows it too: only then should anybody act on it. */
  readonly confirmed: boolean;
  /** Conditions of a confirmed pair without which this slice would be no worse than the rest; null: there is none. */
  readonly explainedBy: SliceHypothesis["conditions"] | null;
  /** Figures of the half it was not found on, so that they do not flatter the search. */
  readonly inside: Share;
  readonly outside: Share;
  readonly effect: ShareDifference;
  /** Of both halves. */
  readonly items: number;
  readonly errors: number;
  /** Of all errors. */
  readonly shareOfErrors: number;
  /** Share of all items that would no longer be wrong, were the slice as good as the rest (half it was checked on). */
  readonly gain: number;
  /** Ids of wrong items in it. */
  readonly examples: readonly string[];
}

export interface SliceReport {
  /** Slices with enough support that were tried. */
  readonly tried: number;
  /** Confirmed ones first, then by gain. */
  readonly slices: readonly SliceHypothesis[];
  readonly designEffect: number;
}

/**
 * Where the error rate is higher: every value of every metadata column, and pairs of them, against the rest. Half of the
 * groups is searched, with false-discovery control; the other half re-checks what was found. A pair must be worse than
 * the rest of either of its columns' slices too, or it would only repeat one of them. Fisher's exact test, one-sided, on
 * counts divided by the design effect.
 */
export const findSlices = (items: readonly SliceItem[], options: SliceOptions): SliceReport =>
  testFacets(items, metadataFacets(items), halvesByGroup(items, options.seed), options);

/** The same for any facets, with halves made before. */
export function testFacets(
  items: readonly SliceItem[],
  facets: readonly Facet[],
  halves: Uint8Array,
  options: SliceOptions,
): SliceReport {
  const settings = { ...SLICE_DEFAULTS, ...options };
  const effect = items.length === 0 ? 1 : designEffect(items);
  const whole = tally(items, halves, () => true);
  const candidates = [
    ...facets.flatMap((facet) => singleSlices(facet, items, halves)),
    ...(settings.pairs ? pairSlices(facets, items, halves) : []),
  ].filter(({ tally: { search, check } }) => Math.min(search.trials, check.trials) >= settings.minSupport);
  const testable = candidates.flatMap((slice) => {
    const rests = restsOf(slice, whole);
    const p = worstP(
      slice.tally.search,
      rests.map(({ search }) => search),
      effect,
    );
    return p === null ? [] : [{ slice, rests, p }];
  });
  const foundQs = benjaminiHochberg(testable.map(({ p }) => p));
  const found = testable
    .map((tested, index) => ({ ...tested, foundQ: foundQs[index] ?? 1 }))
    .filter(({ slice, foundQ }) => {
      const rest = less(whole.search, slice.tally.search);
      return foundQ <= settings.falseDiscoveries && rate(slice.tally.search) >= settings.minRatio * rate(rest);
    });
  const checkQs = benjaminiHochberg(
    found.map(
      ({ slice, rests }) =>
        worstP(
          slice.tally.check,
          rests.map(({ check }) => check),
          effect,
        ) ?? 1,
    ),
  );
  const isConfirmed = ({ check }: Tally, checkQ: number): boolean =>
    checkQ <= CHECK_FALSE_DISCOVERIES && rate(check) >= settings.minRatio * rate(less(whole.check, check));
  const confirmedPairs = found
    .filter(({ slice }, index) => slice.parents.length > 0 && isConfirmed(slice.tally, checkQs[index] ?? 1))
    .map(({ slice }) => slice);
  const slices = found.map(({ slice, foundQ }, index): SliceHypothesis => {
    const { search, check } = slice.tally;
    const outside = less(whole.check, check);
    const members = items.filter((_, at) => slice.contains(at));
    const errors = search.hits + check.hits;
    const difference = rate(check) - rate(outside);
    const checkQ = checkQs[index] ?? 1;
    return {
      conditions: slice.conditions,
      foundQ,
      checkQ,
      confirmed: isConfirmed(slice.tally, checkQ),
      explainedBy: explanation(slice, confirmedPairs, outside, effect),
      inside: effectiveShare(check, effect),
      outside: effectiveShare(outside, effect),
      effect: shareDifference(effectiveShare(check, effect), effectiveShare(outside, effect)),
      items: members.length,
      errors,
      shareOfErrors: errors / Math.max(1, whole.search.hits + whole.check.hits),
      gain: (Math.max(0, difference) * check.trials) / Math.max(1, whole.check.trials),
      examples: members.flatMap(({ id, wrong }) => (wrong ? [id] : [])).slice(0, EXAMPLES),
    };
  });
  slices.sort((one, other) => Number(other.confirmed) - Number(one.confirmed) || other.gain - one.gain);
  return { tried: testable.length, slices, designEffect: effect };
}

/** A pair within the slice whose removal leaves nothing worse than the rest. */
function explanation(
  slice: Slice,
  pairs: readonly Slice[],
  outside: Count,
  effect: number,
): SliceHypothesis["conditions"] | null {
  const [own] = slice.conditions;
  if (own === undefined || slice.conditions.length > 1) return null;
  const pair = pairs.find(({ conditions, tally: { check } }) => {
    if (!conditions.some(({ key, value }) => key === own.key && value === own.value)) return false;
    const left = less(slice.tally.check, check);
    return left.trials === 0 || fisherGreater(effective(left, effect), effective(outside, effect)) > UNEXPLAINED_BELOW;
  });
  return pair?.conditions ?? null;
}

interface Tally {
  readonly search: Count;
  readonly check: Count;
}

interface Slice {
  readonly conditions: SliceHypothesis["conditions"];
  readonly tally: Tally;
  /** The slices of which a pair is the overlap. */
  readonly parents: readonly Tally[];
  contains(item: number): boolean;
}

function tally(items: readonly SliceItem[], halves: Uint8Array, fits: (item: number) => boolean): Tally {
  const counts = [
    { hits: 0, trials: 0 },
    { hits: 0, trials: 0 },
  ];
  items.forEach(({ wrong }, item) => {
    const count = counts[halves[item] ?? SEARCH_HALF];
    if (count === undefined || !fits(item)) return;
    count.trials++;
    if (wrong) count.hits++;
  });
  const [search = EMPTY, check = EMPTY] = counts;
  return { search, check };
}

const EMPTY: Count = { hits: 0, trials: 0 };

/** Tallies of all codes in one pass; -1 counts for none. */
function talliesByCode(
  codeOf: (item: number) => number,
  items: readonly SliceItem[],
  halves: Uint8Array,
): Map<number, Tally> {
  const counts = new Map<number, { hits: number; trials: number }[]>();
  items.forEach(({ wrong }, item) => {
    const code = codeOf(item);
    if (code < 0) return;
    let entry = counts.get(code);
    if (entry === undefined) {
      entry = [
        { hits: 0, trials: 0 },
        { hits: 0, trials: 0 },
      ];
      counts.set(code, entry);
    }
    const count = entry[halves[item] ?? SEARCH_HALF];
    if (count === undefined) return;
    count.trials++;
    if (wrong) count.hits++;
  });
  return new Map(
    [...counts].map(([code, entry]) => [
      code,
      { search: entry[SEARCH_HALF] ?? EMPTY, check: entry[CHECK_HALF] ?? EMPTY },
    ]),
  );
}

function singleSlices({ key, values, codes }: Facet, items: readonly SliceItem[], halves: Uint8Array): Slice[] {
  return [...talliesByCode((item) => codes[item] ?? -1, items, halves)].map(([code, its]) => ({
    conditions: [{ key, value: values[code] ?? "" }],
    tally: its,
    parents: [],
    contains: (item) => codes[item] === code,
  }));
}

function pairSlices(facets: readonly Facet[], items: readonly SliceItem[], halves: Uint8Array): Slice[] {
  const tallies = facets.map(({ codes }) => talliesByCode((item) => codes[item] ?? -1, items, halves));
  return facets.flatMap((one, first) =>
    facets.slice(first + 1).flatMap((other, offset) => {
      const width = other.values.length;
      const codeOf = (item: number): number => {
        const [high, low] = [one.codes[item] ?? -1, other.codes[item] ?? -1];
        return high < 0 || low < 0 ? -1 : high * width + low;
      };
      return [...talliesByCode(codeOf, items, halves)].map(([code, its]): Slice => {
        const [high, low] = [Math.floor(code / width), code % width];
        const parents = [tallies[first]?.get(high), tallies[first + 1 + offset]?.get(low)];
        return {
          conditions: [
            { key: one.key, value: one.values[high] ?? "" },
            { key: other.key, value: other.values[low] ?? "" },
          ],
          tally: its,
          parents: parents.filter((parent) => parent !== undefined),
          contains: (item) => codeOf(item) === code,
        };
      });
    }),
  );
}

/** What a slice is compared with: everything else, and the rest of each parent. */
const restsOf = (slice: Slice, whole: Tally): Tally[] =>
  [whole, ...slice.parents].map((around) => ({
    search: less(around.search, slice.tally.search),
    check: less(around.check, slice.tally.check),
  }));

/** The largest p-value over all comparisons (all must hold); null where there is nothing to compare with. */
function worstP(inside: Count, rests: readonly Count[], effect: number): number | null {
  if (rests.some(({ trials }) => trials === 0)) return null;
  return Math.max(...rests.map((rest) => fisherGreater(effective(inside, effect), effective(rest, effect))));
}

const effective = ({ hits, trials }: Count, effect: number): Count => ({
  hits: Math.round(hits / effect),
  trials: Math.max(Math.round(hits / effect), Math.round(trials / effect)),
});

const effectiveShare = ({ hits, trials }: Count, effect: number): Share => shareOf(hits, trials, 0.95, effect);

const less = (from: Count, taken: Count): Count => ({
  hits: from.hits - taken.hits,
  trials: from.trials - taken.trials,
});

const rate = ({ hits, trials }: Count): number => (trials === 0 ? 0 : hits / trials);

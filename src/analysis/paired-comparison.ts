import { benjaminiHochberg } from "../statistics/false-discovery.ts";
import type { Interval } from "../statistics/intervals.ts";
import { mcnemarExact, pairedDifference } from "../statistics/mcnemar.ts";

export type JudgedVerdict = "pass" | "reject" | "review" | "fault";

/** A frame of a test set, judged by both models. */
export interface PairedFrame {
  readonly id: string;
  /** The physical part. */
  readonly part: string;
  readonly defective: boolean;
  readonly before: JudgedVerdict;
  readonly after: JudgedVerdict;
  readonly tags: readonly string[];
  /** Values of metadata columns to slice by. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How parts went from one model to the other, by one kind of mistake. */
export interface PairedCount {
  readonly parts: number;
  readonly wrongBefore: number;
  readonly wrongAfter: number;
  /** Wrong before and right after. */
  readonly fixed: number;
  /** Right before and wrong after. */
  readonly broken: number;
  /** Change of the share of wrong parts; negative is better. */
  readonly difference: number;
  readonly interval: Interval;
  /** McNemar's exact test. */
  readonly p: number;
}

export interface PairedGroup {
  readonly kind: "tag" | "slice";
  /** The tag, or "column = value". */
  readonly name: string;
  readonly count: PairedCount;
  /** p adjusted for all groups that could differ (Benjamini & Hochberg). */
  readonly q: number;
}

export interface PairedComparison {
  readonly frames: number;
  /** Escapes and overkills together. */
  readonly all: PairedCount;
  /** Of defective parts. */
  readonly escapes: PairedCount;
  /** Of good parts. */
  readonly overkills: PairedCount;
  /** Parts that are left to a person; no mistake, but work. */
  readonly reviews: PairedCount;
  /** The surest differences first. */
  readonly groups: readonly PairedGroup[];
  /** Frames that show it: wrong before in parts that are right now, wrong now in parts that were right. */
  readonly fixed: readonly string[];
  readonly broken: readonly string[];
  readonly sentence: string;
}

export interface ComparisonOptions {
  readonly confidence?: number;
  /** Parts that a tag or slice must have. */
  readonly minParts?: number;
}

const DEFAULTS = { confidence: 0.95, minParts: 5 } as const;
const SURE_BELOW = 0.05;

/** Frames of one part. */
type Part = readonly PairedFrame[];
type Model = "before" | "after";
type Wrong = (frame: PairedFrame, model: Model) => boolean;

const escapes: Wrong = (frame, model) => frame.defective && frame[model] === "pass";
/** A fault rejects, too: nothing unseen may pass. */
const overkills: Wrong = (frame, model) => !frame.defective && (frame[model] === "reject" || frame[model] === "fault");
const isWrong: Wrong = (frame, model) => escapes(frame, model) || overkills(frame, model);
const isReviewed: Wrong = (frame, model) => frame[model] === "review";

/**
 * Two models on the same parts: what was repaired, what was broken, and whether that is more than chance. Parts count, not
 * frames, for frames of one part rise and fall together; a part is judged wrong when one of its frames is.
 */
export function comparePaired(frames: readonly PairedFrame[], options: ComparisonOptions = {}): PairedComparison {
  const { confidence, minParts } = { ...DEFAULTS, ...options };
  const parts: readonly Part[] = [...Map.groupBy(frames, ({ part }) => part).values()];
  const count = (of: readonly Part[], wrong: Wrong): PairedCount => countPairs(of, wrong, confidence);
  const all = count(parts, isWrong);
  const turned = (from: boolean): string[] =>
    parts
      .filter((part) => isAny(part, "before", isWrong) === from && isAny(part, "after", isWrong) !== from)
      .flatMap((part) => part.filter((frame) => isWrong(frame, from ? "before" : "after")).map(({ id }) => id));
  return {
    frames: frames.length,
    all,
    escapes: count(
      parts.filter((part) => part.some(({ defective }) => defective)),
      escapes,
    ),
    overkills: count(
      parts.filter((part) => part.some(({ defective }) => !defective)),
      overkills,
    ),
    reviews: count(parts, isReviewed),
    groups: groupsOf(parts, minParts, (of) => count(of, isWrong)),
    fixed: turned(true),
    broken: turned(false),
    sentence: sentenceOf(all),
  };
}

const isAny = (part: Part, model: Model, wrong: Wrong): boolean => part.some((frame) => wrong(frame, model));

function countPairs(parts: readonly Part[], wrong: Wrong, confidence: number): PairedCount {
  let [wrongBefore, wrongAfter, fixed, broken] = [0, 0, 0, 0];
  for (const part of parts) {
    const [before, after] = [isAny(part, "before", wrong), isAny(part, "after", wrong)];
    wrongBefore += Number(before);
    wrongAfter += Number(after);
    fixed += Number(before && !after);
    broken += Number(!before && after);
  }
  return {
    ...{ parts: parts.length, wrongBefore, wrongAfter, fixed, broken },
    difference: parts.length === 0 ? 0 : (broken - fixed) / parts.length,
    interval: pairedDifference(broken, fixed, parts.length, confidence),
    p: mcnemarExact(fixed, broken),
  };
}

function groupsOf(
  parts: readonly Part[],
  minParts: number,
  count: (of: readonly Part[]) => PairedCount,
): readonly PairedGroup[] {
  const groups = new Map<string, { readonly kind: "tag" | "slice"; readonly name: string; readonly of: Set<Part> }>();
  const put = (kind: "tag" | "slice", name: string, part: Part): void => {
    const key = `${kind} ${name}`;
    const group = groups.get(key) ?? { kind, name, of: new Set<Part>() };
    group.of.add(part);
    groups.set(key, group);
  };
  for (const part of parts) {
    for (const { tags, metadata } of part) {
      for (const tag of tags) put("tag", tag, part);
      for (const [column, value] of Object.entries(metadata)) put("slice", `${column} = ${value}`, part);
    }
  }
  // A value that every part has says nothing beyond the whole.
  const counted = [...groups.values()]
    .filter(({ of }) => of.size >= minParts && of.size < parts.length)
    .map(({ kind, name, of }) => ({ kind, name, count: count([...of]) }));
  const differing = counted.filter(({ count: { fixed, broken } }) => fixed + broken > 0);
  const adjusted = benjaminiHochberg(differing.map(({ count: { p } }) => p));
  const qOf = new Map(differing.map((group, index) => [group, adjusted[index] ?? 1]));
  return counted
    .map((group) => ({ ...group, q: qOf.get(group) ?? 1 }))
    .sort((one, other) => one.q - other.q || other.count.parts - one.count.parts || (one.name < other.name ? -1 : 1));
}

function sentenceOf({ parts, wrongBefore, wrongAfter, fixed, broken, p }: PairedCount): string {
  if (parts === 0) return "There is no part that both models judged.";
  const what = `Of ${parts} parts, ${fixed} that were judged wrong are right now and ${broken} that were right are wrong`;
  const errors = `(${wrongBefore} wrong before, ${wrongAfter} after)`;
  if (fixed + broken === 0) return `Of ${parts} parts both models judge the same ones wrong ${errors}.`;
  const chance = `p = ${p < 0.001 ? "less than 0.001" : p.toFixed(3)}`;
  if (p >= SURE_BELOW) return `${what} ${errors}: this may be chance (${chance}).`;
  return `${what} ${errors}: the new model is ${broken < fixed ? "better" : "worse"}, by more than chance (${chance}).`;
}

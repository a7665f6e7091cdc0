import { hash } from "node:crypto";
import type { HardCaseReason, VerdictKind } from "../../contracts/verdict.ts";
import type { Outcome } from "../store/tables.ts";
import type { CaseFilter } from "./case-filter.ts";
import { ERROR_OUTCOMES } from "../store/tables.ts";

/**
 * A property that a case has or has not, as a number: 53 bits of the SHA-256 of project, kind and value. `case_facets`
 * holds the rows of the cases that have it, in order, so that any filter is an intersection of such lists, and a new kind
 * of property needs no new index. (With a million different facets two share a number with a chance of 1 in 20,000;
 * the cost would be a case too many in a gallery.)
 */
export type Facet = number;

type FacetKind =
  | "all"
  | "device"
  | "line"
  | "reason"
  | "verdict"
  | "class"
  | "model"
  | "part"
  | "day"
  | "month"
  | "labelled"
  | "label"
  | "outcome"
  | "tag"
  | `metadata:${string}`;

export function facetOf(project: string, kind: FacetKind, value: string): Facet {
  const name = JSON.stringify([project, kind, value]);
  const known = recent.get(name);
  if (known !== undefined) return known;
  const digest = hash("sha256", name, "buffer");
  const facet = digest.readUIntBE(0, 6) * 32 + (digest.readUInt8(6) >> 3);
  if (recent.size >= MOST_RECENT) recent.clear();
  recent.set(name, facet);
  return facet;
}

/** Most cases share most of their facets. */
const recent = new Map<string, Facet>();
const MOST_RECENT = 4096;

/** What is known of a case when it arrives. Of this only reasons can be added later. */
export interface FixedProperties {
  readonly project: string;
  readonly device: string;
  readonly line: string;
  readonly part: string;
  readonly verdict: VerdictKind;
  readonly class: string | null;
  readonly modelVersion: string;
  readonly reasons: readonly HardCaseReason[];
  /** Unix ms. */
  readonly capturedAt: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export function fixedFacets(properties: FixedProperties): Facet[] {
  const facet = (kind: FacetKind, value: string): Facet => facetOf(properties.project, kind, value);
  return [
    facet("all", ""),
    facet("device", properties.device),
    facet("line", properties.line),
    facet("part", properties.part),
    facet("verdict", properties.verdict),
    ...(properties.class === null ? [] : [facet("class", properties.class)]),
    facet("model", properties.modelVersion),
    ...properties.reasons.map((reason) => reasonFacet(properties.project, reason)),
    facet("day", dayOf(properties.capturedAt)),
    facet("month", dayOf(properties.capturedAt).slice(0, 7)),
    ...Object.entries(properties.metadata).map(([key, value]) => facet(`metadata:${key}`, value)),
  ];
}

export const reasonFacet = (project: string, reason: HardCaseReason): Facet => facetOf(project, "reason", reason);

/** What people make of a case; both null: not labelled. */
export interface LabelState {
  readonly label: string | null;
  readonly outcome: Outcome | null;
}

export const labelFacets = (project: string, { label, outcome }: LabelState): Facet[] =>
  label === null
    ? [facetOf(project, "labelled", "no")]
    : [
        facetOf(project, "labelled", "yes"),
        facetOf(project, "label", label),
        ...(outcome === null ? [] : [facetOf(project, "outcome", outcome)]),
      ];

export const tagFacet = (project: string, tagId: number): Facet => facetOf(project, "tag", String(tagId));

/** A case must be in at least one of the lists. */
export type AnyOf = readonly Facet[];

/** The filter, but for the time of capture, as lists that must all hold. */
export function facetsOfFilter(filter: CaseFilter): AnyOf[] {
  const one = (kind: FacetKind, value: string | undefined): AnyOf[] =>
    value === undefined ? [] : [[facetOf(filter.project, kind, value)]];
  const any = (kind: FacetKind, values: readonly (string | number)[] | undefined): AnyOf[] =>
    values === undefined || values.length === 0
      ? []
      : [[...new Set(values)].map((value) => facetOf(filter.project, kind, String(value)))];
  return [
    ...any("device", filter.devices),
    ...any("line", filter.lines),
    ...any("reason", filter.reasons),
    ...any("verdict", filter.verdicts),
    ...any("class", filter.classes),
    ...any("label", filter.labels),
    ...any("outcome", filter.outcomes),
    ...(filter.errorsOnly === true ? any("outcome", ERROR_OUTCOMES) : []),
    ...any("tag", filter.tags),
    ...any("model", filter.models),
    ...Object.entries(filter.metadata ?? {}).flatMap(([key, value]) => one(`metadata:${key}`, value)),
    ...one("part", filter.part),
    ...(filter.labelled === undefined ? [] : one("labelled", filter.labelled ? "yes" : "no")),
  ];
}

/** The list of all cases of a project. */
export const everythingOf = (project: string): AnyOf => [facetOf(project, "all", "")];

const DAY_MS = 86_400_000;
/** Shorter than the shortest month, so that no month is stepped over. */
const MONTH_STEP_MS = 27 * DAY_MS;
/** Beyond these the range is asked of the rows alone: it is wide, so that most cases are within. */
const MOST_DAYS = 31;
const MOST_MONTHS = 36;

const dayOf = (unixMs: number): string => new Date(unixMs).toISOString().slice(0, 10);
const monthOf = (unixMs: number): string => dayOf(unixMs).slice(0, 7);

/** A list that holds every case of a time range, and a few besides; none where an end is open or the range is wide. */
export function timeLists({ project, from, to }: CaseFilter): AnyOf[] {
  if (from === undefined || to === undefined) return [];
  if (to <= from) return [[]];
  if (to - from <= MOST_DAYS * DAY_MS) {
    return [namesBetween(from, to, DAY_MS, dayOf).map((day) => facetOf(project, "day", day))];
  }
  if (to - from > MOST_MONTHS * 31 * DAY_MS) return [];
  return [namesBetween(from, to, MONTH_STEP_MS, monthOf).map((month) => facetOf(project, "month", month))];
}

/** Names of the days or months that have a part of [from, to). */
function namesBetween(from: number, to: number, stepMs: number, nameOf: (unixMs: number) => string): string[] {
  const names = new Set<string>([nameOf(to - 1)]);
  for (let at = from; at < to; at += stepMs) names.add(nameOf(at));
  return [...names];
}

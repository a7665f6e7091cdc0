import { hash } from "node:crypto";
import type { CaseMetadata, SamplingRule } from "../../contracts/hub-case.ts";
import type { HardCaseReason, Verdict } from "../../contracts/verdict.ts";
import { findReasons, NOTHING_SEEN, type Sight } from "./case-reasons.ts";
import type { CaseOptions } from "./uplink-options.ts";

/** Why a frame goes to the hub. */
export interface CaseChoice {
  readonly reasons: readonly HardCaseReason[];
  /** Chance with which this frame was chosen, in (0, 1], given all that went before. */
  readonly selectionProbability: number;
  /** Ids of the hub's sampling rules that drew it. */
  readonly orders: readonly string[];
}

export interface ChoiceRules {
  readonly options: Pick<CaseOptions, "reasons" | "auditShare" | "auditSeed" | "uncertainMargin" | "novelBelow">;
  /** Of the hub; those that have ended or are filled are left out by whoever keeps them. */
  readonly orders: readonly SamplingRule[];
  /** Asked only where a rule wants to know. */
  readonly metadata: () => CaseMetadata;
  /** The chance that the budget leaves a candidate of this weight. 1 where it is left out. */
  readonly chanceOf?: (weight: number) => number;
  /** The like of it was sent already: neither for what it shows nor as a typical frame is it sent again. */
  readonly isKnown?: (sketch: Float64Array) => boolean;
  /** The hub has hardly any labels yet: typical frames go first. */
  readonly coldStart?: boolean;
}

/** Stands for a work order that nobody need write: typical frames for a model with hardly any labels. */
export const COLD_START_ORDER = "cold-start";
/** What a frame is worth, while there are hardly any labels, for what is found in it: typical ones have up to 1. */
const COLD_START_SHARE = 0.25;

/**
 * A frame is chosen by lot: for what is found in it, with the chance the budget leaves it; for the audit, with the same
 * chance for every frame; and for each order of the hub that it fits. Given the past the lots are independent, so the
 * chance that any of them draws it is known, and goes with the case. Pure: the lots come from the verdict's id, so that
 * anybody can draw them again from the ledger. A frame that only an order wants carries the reason `operator`, for a
 * person wrote the order; `audit` is left to the draw over all frames, which alone is unbiased without weights.
 */
export function chooseCase(verdict: Verdict, rules: ChoiceRules, sight: Sight = NOTHING_SEEN): CaseChoice | null {
  const { options, orders, metadata, isKnown = () => false, coldStart = false } = rules;
  const lot = (purpose: string): number => drawLot(options.auditSeed, purpose, verdict.id);
  const found = findReasons(verdict, sight, options);
  const auditShare = options.reasons.includes("audit") ? options.auditShare : 0;
  const isAudit = auditShare > 0 && lot("audit") < auditShare;
  const isNew = sight.sketch === null || !isKnown(sight.sketch);
  const forFound = isNew ? chanceOf(rules, found.weight * (coldStart ? COLD_START_SHARE : 1)) : 0;
  const forTypical = coldStart && isNew ? chanceOf(rules, typicality(verdict, sight)) : 0;
  const isHard = forFound > 0 && lot("found") < forFound;
  const isTypical = forTypical > 0 && lot(COLD_START_ORDER) < forTypical;
  const fitting = orders.filter((order) => fits(order, verdict, metadata));
  const drawn = fitting.filter(({ id, rate }) => lot(id) < rate).map(({ id }) => id);
  if (!isAudit && !isHard && !isTypical && drawn.length === 0) return null;
  const chances = [auditShare, forFound, forTypical, ...fitting.map(({ rate }) => rate)];
  const reasons = [...found.reasons, ...(isAudit ? (["audit"] as const) : [])];
  return {
    reasons: reasons.length > 0 ? reasons : ["operator"],
    selectionProbability: chances.reduce((any, chance) => any + chance * (1 - any), 0),
    orders: isTypical ? [...drawn, COLD_START_ORDER] : drawn,
  };
}

const chanceOf = ({ chanceOf: ask = () => 1 }: ChoiceRules, weight: number): number =>
  weight > 0 ? Math.min(1, ask(weight)) : 0;

/** The share of reference frames that are less typical than this one; a middling one where nobody knows. */
const typicality = (verdict: Verdict, { furtherOut }: Sight): number =>
  verdict.verdict === "fault" ? 0 : (furtherOut ?? 0.5);

/** Uniform in [0, 1): 48 bits of a hash, independent for each purpose. */
export const drawLot = (seed: number, purpose: string, verdictId: string): number =>
  Number.parseInt(hash("sha256", `${seed}:${purpose}:${verdictId}`).slice(0, 12), 16) / 2 ** 48;

function fits({ where }: SamplingRule, verdict: Verdict, metadata: () => CaseMetadata): boolean {
  const { verdicts, classes, minScore, maxScore } = where;
  if (verdicts !== undefined && !verdicts.includes(verdict.verdict)) return false;
  if (classes !== undefined && (verdict.class === null || !classes.includes(verdict.class))) return false;
  if (minScore !== undefined && (verdict.score === null || verdict.score < minScore)) return false;
  if (maxScore !== undefined && (verdict.score === null || verdict.score > maxScore)) return false;
  if (where.metadata === undefined) return true;
  const known = metadata();
  return Object.entries(where.metadata).every(([key, value]) => String(known[key]) === value);
}

/** Rank of a case by its most urgent reason; higher goes first. A reason the list leaves out ranks below all. */
export const priorityOf = (reasons: readonly HardCaseReason[], order: readonly HardCaseReason[]): number =>
  Math.max(0, ...reasons.map((reason) => (order.includes(reason) ? order.length - order.indexOf(reason) : 0)));

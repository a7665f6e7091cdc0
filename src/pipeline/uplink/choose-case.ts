import { hash } from "node:crypto";
import type { CaseMetadata, SamplingRule } from "../../contracts/hub-case.ts";
import type { HardCaseReason, Verdict } from "../../contracts/verdict.ts";
import type { CaseOptions } from "./uplink-options.ts";

/** Why a frame goes to the hub. */
export interface CaseChoice {
  readonly reasons: readonly HardCaseReason[];
  /** Chance with which a frame like this is chosen, in (0, 1]. */
  readonly selectionProbability: number;
  /** Ids of the hub's sampling rules that drew it. */
  readonly orders: readonly string[];
}

export interface ChoiceRules {
  readonly options: Pick<CaseOptions, "reasons" | "auditShare" | "auditSeed">;
  /** Of the hub; those that have ended or are filled are left out by whoever keeps them. */
  readonly orders: readonly SamplingRule[];
  /** Asked only where a rule wants to know. */
  readonly metadata: () => CaseMetadata;
}

/**
 * A frame is chosen for what its verdict says, by lot, or since the hub ordered frames like it. Pure: the lots are drawn
 * from the verdict's id, so that anybody can draw them again from the ledger. A frame that only an order wants carries
 * the reason `operator`, for a person wrote the order; `audit` is left to the draw over all frames, which is unbiased.
 */
export function chooseCase(verdict: Verdict, { options, orders, metadata }: ChoiceRules): CaseChoice | null {
  const wanted = (reason: HardCaseReason): boolean => options.reasons.includes(reason);
  const certain = verdict.hardCase.filter((reason) => reason !== "audit" && wanted(reason));
  const auditShare = wanted("audit") ? options.auditShare : 0;
  const lot = (purpose: string): number => drawLot(options.auditSeed, purpose, verdict.id);
  const isAudit = auditShare > 0 && lot("audit") < auditShare;
  const fitting = orders.filter((order) => fits(order, verdict, metadata));
  const drawn = fitting.filter(({ id, rate }) => lot(id) < rate);
  const reasons = [...certain, ...(isAudit ? (["audit"] as const) : [])];
  if (reasons.length === 0 && drawn.length === 0) return null;
  const chance = fitting.reduce((any, { rate }) => any + rate * (1 - any), auditShare); // that any of the lots draws it
  return {
    reasons: reasons.length > 0 ? reasons : ["operator"],
    selectionProbability: certain.length > 0 ? 1 : chance,
    orders: drawn.map(({ id }) => id),
  };
}

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

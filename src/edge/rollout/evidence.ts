import type { VerdictKind } from "../../contracts/verdict.ts";
import type { Evidence } from "./rollout-state.ts";

/** One more part that the candidate judged; `fault`: it gave no answer. Pure. */
export function withPart(evidence: Evidence, verdict: VerdictKind): Evidence {
  if (verdict === "fault") return { ...evidence, faults: evidence.faults + 1 };
  return { ...evidence, parts: evidence.parts + 1, rejects: evidence.rejects + Number(verdict === "reject") };
}

/** Whether two models judged one part differently. A fault is no judgement. */
export const differ = (candidate: VerdictKind, other: VerdictKind): boolean =>
  candidate !== "fault" && other !== "fault" && candidate !== other;

/** One more part that both judged. Pure. */
export function withComparison(evidence: Evidence, candidate: VerdictKind, other: VerdictKind): Evidence {
  if (candidate === "fault" || other === "fault") return evidence;
  const rejectedByOther = other === "reject";
  return {
    ...evidence,
    compared: evidence.compared + 1,
    disagreements: evidence.disagreements + Number(candidate !== other),
    otherRejects: evidence.otherRejects + Number(rejectedByOther),
    missed: evidence.missed + Number(rejectedByOther && candidate === "pass"),
  };
}

/** The newest latencies of a candidate; memory is bounded. */
export class RecentLatencies {
  readonly #kept: number[] = [];
  readonly #most: number;
  #next = 0;

  constructor(most = 1000) {
    this.#most = most;
  }

  add(ms: number): void {
    this.#kept[this.#next] = ms;
    this.#next = (this.#next + 1) % this.#most;
  }

  clear(): void {
    this.#kept.length = 0;
    this.#next = 0;
  }

  /** 99th percentile, ms; null below `atLeast` figures, of which one would be it. */
  p99(atLeast = 50): number | null {
    if (this.#kept.length < atLeast) return null;
    const sorted = this.#kept.toSorted((left, right) => left - right);
    return sorted[Math.min(sorted.length - 1, Math.ceil(0.99 * sorted.length) - 1)] ?? null;
  }
}

import { VERDICT_KINDS, type Verdict, type VerdictKind } from "../contracts/verdict.ts";
import type { MinuteCounts } from "./status/device-view.ts";

const LATENCIES_KEPT = 2000;
const MINUTES_KEPT = 240;

const noCounts = (): Record<VerdictKind, number> => ({ pass: 0, reject: 0, review: 0, fault: 0 });

/** Counts, latencies and rate of this boot, for the status page and health. Memory is bounded. */
export class LineStatistics {
  readonly #counts = noCounts();
  readonly #latenciesMs: number[] = [];
  #nextLatency = 0;
  readonly #minutes: { minute: string; counts: Record<VerdictKind, number> }[] = [];
  triggers = 0;

  get counts(): Readonly<Record<VerdictKind, number>> {
    return this.#counts;
  }

  get verdicts(): number {
    return VERDICT_KINDS.reduce((total, kind) => total + this.#counts[kind], 0);
  }

  get history(): readonly MinuteCounts[] {
    return this.#minutes;
  }

  observe(verdict: Verdict): void {
    this.#counts[verdict.verdict]++;
    this.#minuteOf(verdict.decidedAt).counts[verdict.verdict]++;
    if (verdict.verdict !== "fault") {
      this.#latenciesMs[this.#nextLatency] = verdict.latencyMs.total;
      this.#nextLatency = (this.#nextLatency + 1) % LATENCIES_KEPT;
    }
  }

  /** Of the last 2,000 judged parts, ms; null before the first. */
  latencyPercentiles(): { p50: number; p95: number; p99: number } | null {
    if (this.#latenciesMs.length === 0) return null;
    const sorted = this.#latenciesMs.toSorted((left, right) => left - right);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }

  #minuteOf(decidedAt: string): { counts: Record<VerdictKind, number> } {
    const minute = `${decidedAt.slice(0, 16)}:00.000Z`;
    const last = this.#minutes.at(-1);
    if (last?.minute === minute) return last;
    const opened = { minute, counts: noCounts() };
    this.#minutes.push(opened);
    if (this.#minutes.length > MINUTES_KEPT) this.#minutes.shift();
    return opened;
  }
}

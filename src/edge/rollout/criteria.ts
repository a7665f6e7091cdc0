import { binomialCdf } from "../../statistics/intervals.ts";
import { rateShifted } from "../../statistics/rate-shift.ts";
import type { ReleaseLimits } from "../releases-config.ts";
import type { Candidate, Evidence } from "./rollout-state.ts";

/** Why a candidate is given up. The codes are in docs/releases.md; the sentence is for people. */
export interface Fault {
  readonly code: string;
  readonly sentence: string;
}

/** What is asked of a candidate. */
export interface Standards extends Omit<ReleaseLimits, "latencyP99Ms"> {
  readonly latencyP99Ms: number;
  readonly shadowParts: number;
}

/** What is seen besides the counters. */
export interface Signs {
  /** 99th percentile from the image to the verdict; null while there are too few. */
  readonly latencyP99Ms: number | null;
  /** What the drift detector says since the phase began; null: nothing. */
  readonly drift: string | null;
}

/** Chance to accuse a candidate wrongly of passing what the old model rejects. */
const MISSED_DOUBT = 0.001;

/** What speaks against the candidate by now; null: nothing. Pure. The gravest comes first. */
export function faultOf(candidate: Candidate, signs: Signs, standards: Standards): Fault | null {
  const { evidence } = candidate;
  return (
    broken(evidence, standards) ??
    slow(signs, standards) ??
    missing(evidence, standards) ??
    disagreeing(candidate, standards) ??
    (candidate.phase === "trial" ? (shifted(candidate, standards) ?? drifting(signs)) : null)
  );
}

function broken({ crashes, faults }: Evidence, standards: Standards): Fault | null {
  if (crashes > 0) return { code: "crash", sentence: "Its inference process crashed or hung." };
  if (faults <= standards.faults) return null;
  return { code: "faults", sentence: `It left ${faults} parts without an answer; ${standards.faults} are allowed.` };
}

function slow({ latencyP99Ms }: Signs, standards: Standards): Fault | null {
  if (latencyP99Ms === null || latencyP99Ms <= standards.latencyP99Ms) return null;
  return { code: "latency", sentence: tooSlow(latencyP99Ms, standards.latencyP99Ms) };
}

export const tooSlow = (p99Ms: number, limitMs: number): string =>
  `It takes ${p99Ms.toFixed(0)} ms at the 99th percentile; ${limitMs.toFixed(0)} ms are allowed.`;

/** P(at least so many missed) under the share allowed: exact, so that one missed part of two proves nothing. */
function missing({ missed, otherRejects }: Evidence, { missedShare }: Standards): Fault | null {
  if (missed === 0 || missedShare >= 1) return null;
  if (1 - binomialCdf(missed - 1, otherRejects, missedShare) > MISSED_DOUBT) return null;
  return {
    code: "missed-rejects",
    sentence: `It passes ${missed} of ${otherRejects} parts that the other model rejects.`,
  };
}

/** In the shadow as soon as the share cannot be met any more; in the trial once as many parts were compared. */
function disagreeing({ evidence, phase }: Candidate, standards: Standards): Fault | null {
  const { disagreements, compared } = evidence;
  const enough = phase === "shadow" ? Math.max(compared, standards.shadowParts) : compared;
  const decided = phase === "shadow" || compared >= standards.shadowParts;
  if (!decided || disagreements <= standards.disagreementShare * enough) return null;
  const allowed = `${(100 * standards.disagreementShare).toFixed(1)} %`;
  return {
    code: "disagreement",
    sentence: `It judges ${disagreements} of ${compared} parts differently from the other model; ${allowed} are allowed.`,
  };
}

/**
 * The shadow predicted how many parts the candidate would reject. Where the other model, judging along, rejects as
 * unusually many or few, the parts changed and not the candidate: that is no reason to give it up.
 */
function shifted({ evidence, shadow }: Candidate, { falseAlarm }: Standards): Fault | null {
  if (shadow === null) return null;
  const predicted = { hits: shadow.rejects, trials: shadow.parts };
  const now = { hits: evidence.rejects, trials: evidence.parts };
  if (!rateShifted(predicted, now, falseAlarm)) return null;
  const otherPredicted = { hits: shadow.otherRejects, trials: shadow.compared };
  const otherNow = { hits: evidence.otherRejects, trials: evidence.compared };
  const sameWay = now.hits / now.trials > predicted.hits / predicted.trials === otherRate(otherNow, otherPredicted);
  if (sameWay && rateShifted(otherPredicted, otherNow, OTHER_SHIFTS)) return null;
  return {
    code: "reject-rate",
    sentence: `It rejects ${percent(now)} of the parts; in the shadow it rejected ${percent(predicted)}.`,
  };
}

/** The line's own change need not be proven as strictly: a good candidate suffers more from overlooking it. */
const OTHER_SHIFTS = 0.05;

const otherRate = (now: { hits: number; trials: number }, before: { hits: number; trials: number }): boolean =>
  now.trials > 0 && before.trials > 0 && now.hits / now.trials > before.hits / before.trials;

const drifting = ({ drift }: Signs): Fault | null =>
  drift === null ? null : { code: "drift", sentence: `Drift since the trial began: ${drift}` };

const percent = ({ hits, trials }: { hits: number; trials: number }): string =>
  trials === 0 ? "none" : `${((100 * hits) / trials).toFixed(1)} %`;

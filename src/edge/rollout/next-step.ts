import { faultOf, type Fault, type Signs, type Standards } from "./criteria.ts";
import type { Candidate } from "./rollout-state.ts";

/** What the engines hold of the candidate now; `nothing` after a start. */
export type Loaded = "nothing" | "shadow" | "trial";

export interface Observations extends Signs {
  readonly loaded: Loaded;
  /** Parts judged with the candidate as it is loaded now are complete: time since its load, ms. */
  readonly loadedMs: number;
  /** What the verification found; null before it. */
  readonly verified: "fine" | Fault | null;
}

export interface Plan extends Standards {
  readonly trialParts: number;
  readonly trialMs: number;
}

export type Step =
  | { readonly do: "wait"; readonly note: string }
  | { readonly do: "verify" | "shadow" | "try" | "commit" }
  | { readonly do: "give-up"; readonly because: Fault };

const CRASH_LOOP: Fault = {
  code: "crash-loop",
  sentence: "The device went down while it was loaded or tried, as often as allowed.",
};

/**
 * The whole of the roll-out as a table: what the state on disk and what is seen call for next. Pure. `try` is also the
 * way back into a trial that a power cut ended.
 */
export function nextStep(candidate: Candidate | null, seen: Observations, plan: Plan): Step {
  if (candidate === null) return { do: "wait", note: "" };
  switch (candidate.phase) {
    case "verifying":
      return afterVerifying(candidate, seen);
    case "shadow":
      return afterShadow(candidate, seen, plan);
    case "trial":
      return afterTrial(candidate, seen, plan);
  }
}

function afterVerifying({ attemptsLeft, stage, proven }: Candidate, { verified }: Observations): Step {
  if (verified === null) return attemptsLeft > 0 ? { do: "verify" } : { do: "give-up", because: CRASH_LOOP };
  if (verified !== "fine") return { do: "give-up", because: verified };
  return { do: proven && stage !== "shadow" ? "try" : "shadow" };
}

function afterShadow(candidate: Candidate, seen: Observations, plan: Plan): Step {
  const { attemptsLeft, evidence, stage } = candidate;
  if (seen.loaded !== "shadow") return attemptsLeft > 0 ? { do: "shadow" } : { do: "give-up", because: CRASH_LOOP };
  const fault = faultOf(candidate, seen, plan);
  if (fault !== null) return { do: "give-up", because: fault };
  if (evidence.compared < plan.shadowParts)
    return { do: "wait", note: "It judges in spare time; no verdict is its own." };
  if (stage === "shadow") return { do: "wait", note: "The shadow is complete; an order for the line is awaited." };
  return { do: "try" };
}

function afterTrial(candidate: Candidate, seen: Observations, plan: Plan): Step {
  const { attemptsLeft, evidence, stage } = candidate;
  if (stage === "shadow") {
    const sentence = "The director ordered it back into the shadow.";
    return { do: "give-up", because: { code: "withdrawn", sentence } };
  }
  if (seen.loaded !== "trial") return attemptsLeft > 0 ? { do: "try" } : { do: "give-up", because: CRASH_LOOP };
  const fault = faultOf(candidate, seen, plan);
  if (fault !== null) return { do: "give-up", because: fault };
  if (evidence.parts < plan.trialParts) return { do: "wait", note: "It judges the line and is not committed yet." };
  if (seen.loadedMs < plan.trialMs)
    return { do: "wait", note: "It has judged enough parts; its time is not over yet." };
  return { do: "commit" };
}

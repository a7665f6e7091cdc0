import { expect, test } from "vitest";
import { nextStep, type Observations } from "../../../src/edge/rollout/next-step.ts";
import { NO_EVIDENCE, type Candidate, type Evidence } from "../../../src/edge/rollout/rollout-state.ts";
import { candidateOf, PLAN } from "./sample-state.ts";

const NOTHING: Observations = { loaded: "nothing", loadedMs: 0, verified: null, latencyP99Ms: null, drift: null };
const seenOf = (evidence: Partial<Evidence>): Evidence => ({ ...NO_EVIDENCE, ...evidence });

/** A shadow of 500 parts in which both models rejected 50. */
const SHADOW = seenOf({ parts: 500, compared: 500, rejects: 50, otherRejects: 50 });
const inShadow = (change: Partial<Candidate>): Candidate => candidateOf({ phase: "shadow", ...change });
const onTrial = (evidence: Partial<Evidence>, change: Partial<Candidate> = {}): Candidate =>
  candidateOf({ phase: "trial", shadow: SHADOW, evidence: seenOf(evidence), ...change });
const SHADOWED = { loaded: "shadow" } as const;
const TRIED = { loaded: "trial", loadedMs: 700_000 } as const;
const ENOUGH = { parts: 500, rejects: 50, compared: 500, otherRejects: 50 };

type Row = readonly [situation: string, candidate: Candidate | null, seen: Partial<Observations>, step: string];

const TABLE: readonly Row[] = [
  ["there is no candidate", null, {}, "wait"],
  ["a bundle was downloaded", candidateOf(), {}, "verify"],
  ["it is verified", candidateOf(), { verified: "fine" }, "shadow"],
  ["it does not load", candidateOf(), { verified: { code: "golden-mismatch", sentence: "" } }, "golden-mismatch"],
  ["verifying took the device down three times", candidateOf({ attemptsLeft: 0 }), {}, "crash-loop"],
  ["it ran here before", candidateOf({ proven: true }), { verified: "fine" }, "try"],
  [
    "it ran here before, for the shadow only",
    candidateOf({ proven: true, stage: "shadow" }),
    { verified: "fine" },
    "shadow",
  ],
  ["the device restarted in the shadow", inShadow({}), {}, "shadow"],
  ["shadow loads took the device down", inShadow({ attemptsLeft: 0 }), {}, "crash-loop"],
  ["it is loaded with its last attempt", inShadow({ attemptsLeft: 0 }), SHADOWED, "wait"],
  ["the shadow goes on", inShadow({ evidence: seenOf({ parts: 499, compared: 499 }) }), SHADOWED, "wait"],
  ["the shadow is complete", inShadow({ evidence: SHADOW }), SHADOWED, "try"],
  ["the shadow is complete, no more is ordered", inShadow({ stage: "shadow", evidence: SHADOW }), SHADOWED, "wait"],
  [
    "parts that only the candidate judged are no comparison",
    inShadow({ evidence: seenOf({ parts: 900, compared: 400 }) }),
    SHADOWED,
    "wait",
  ],
  ["it crashed", inShadow({ evidence: seenOf({ crashes: 1 }) }), SHADOWED, "crash"],
  ["two parts without an answer are allowed", inShadow({ evidence: seenOf({ faults: 2 }) }), SHADOWED, "wait"],
  ["three are not", inShadow({ evidence: seenOf({ faults: 3 }) }), SHADOWED, "faults"],
  [
    "25 of 500 disagreements are allowed",
    inShadow({ evidence: seenOf({ ...SHADOW, disagreements: 25 }) }),
    SHADOWED,
    "try",
  ],
  [
    "the 26th ends it at once",
    inShadow({ evidence: seenOf({ compared: 90, disagreements: 26 }) }),
    SHADOWED,
    "disagreement",
  ],
  [
    "it passes 4 of 4 rejects: not proven yet",
    inShadow({ evidence: seenOf({ compared: 99, otherRejects: 4, missed: 4 }) }),
    SHADOWED,
    "wait",
  ],
  [
    "it passes 5 of 5",
    inShadow({ evidence: seenOf({ compared: 99, otherRejects: 5, missed: 5 }) }),
    SHADOWED,
    "missed-rejects",
  ],
  ["drift does not count against a shadow", inShadow({}), { ...SHADOWED, drift: "darker" }, "wait"],
  ["the power failed on trial", onTrial({}, { attemptsLeft: 2 }), {}, "try"],
  ["the power failed on trial three times", onTrial({}, { attemptsLeft: 0 }), {}, "crash-loop"],
  ["the trial goes on", onTrial({ parts: 499, rejects: 50 }), TRIED, "wait"],
  ["enough parts, not enough time", onTrial(ENOUGH), { ...TRIED, loadedMs: 1000 }, "wait"],
  ["enough of both", onTrial(ENOUGH), TRIED, "commit"],
  ["too slow", onTrial(ENOUGH), { ...TRIED, latencyP99Ms: 501 }, "latency"],
  ["drift", onTrial(ENOUGH), { ...TRIED, drift: "darker" }, "drift"],
  ["a crash counts more than all else", onTrial({ crashes: 1, faults: 9 }), { ...TRIED, drift: "darker" }, "crash"],
  ["it rejects nothing any more", onTrial({ parts: 250, compared: 250, otherRejects: 25 }), TRIED, "reject-rate"],
  ["it rejects half", onTrial({ parts: 40, rejects: 20, compared: 40, otherRejects: 4 }), TRIED, "reject-rate"],
  [
    "both reject half: the parts changed",
    onTrial({ parts: 40, rejects: 20, compared: 40, otherRejects: 20 }),
    TRIED,
    "wait",
  ],
  ["without a shadow there is no prediction", onTrial({ parts: 40, rejects: 20 }, { shadow: null }), TRIED, "wait"],
  ["disagreements on trial", onTrial({ ...ENOUGH, disagreements: 26 }), TRIED, "disagreement"],
  ["ordered back into the shadow", onTrial({}, { stage: "shadow" }), TRIED, "withdrawn"],
];

test.each(TABLE)("%s", (_situation, candidate, seen, step) => {
  const next = nextStep(candidate, { ...NOTHING, ...seen }, PLAN);
  expect(next.do === "give-up" ? next.because.code : next.do).toBe(step);
});

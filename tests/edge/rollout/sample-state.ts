import type { Plan } from "../../../src/edge/rollout/next-step.ts";
import { NO_EVIDENCE, type Candidate, type Slot } from "../../../src/edge/rollout/rollout-state.ts";

export const AT = "2026-11-28T12:00:00.000Z";

export const slotOf = (version: string, change: Partial<Slot> = {}): Slot => ({
  path: `/data/releases/bundles/tile/tiny-${version}`,
  name: "tiny",
  version,
  sha256: `model ${version}`,
  manifestSha256: `manifest ${version}`,
  release: 1,
  stage: "fleet",
  since: AT,
  ...change,
});

export const candidateOf = (change: Partial<Candidate> = {}): Candidate => ({
  slot: slotOf("1.1.0"),
  stage: "fleet",
  phase: "verifying",
  since: AT,
  attemptsLeft: 3,
  proven: false,
  evidence: NO_EVIDENCE,
  shadow: null,
  ...change,
});

export const PLAN: Plan = {
  disagreementShare: 0.05,
  missedShare: 0.2,
  falseAlarm: 0.001,
  faults: 2,
  latencyP99Ms: 500,
  shadowParts: 500,
  trialParts: 500,
  trialMs: 600_000,
};

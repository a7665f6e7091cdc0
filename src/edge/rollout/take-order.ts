import type { InstalledRelease } from "../../release/floors.ts";
import { NO_EVIDENCE, type Candidate, type RolloutState, type Slot } from "./rollout-state.ts";

/** What an order is for a device: one it knows, its current bundle, its candidate, or another bundle. Pure. */
export function meaningOf(
  { handled, current, candidate }: RolloutState,
  { order, stage, manifestSha256 }: InstalledRelease,
): "known" | "current" | "candidate" | "another" {
  if (handled?.order === order && handled.stage === stage && handled.manifestSha256 === manifestSha256) return "known";
  if (current.manifestSha256 === manifestSha256) return "current";
  return candidate?.slot.manifestSha256 === manifestSha256 ? "candidate" : "another";
}

const handledBy = ({ order, stage, manifestSha256 }: InstalledRelease): Pick<RolloutState, "handled"> => ({
  handled: { order, stage, manifestSha256 },
});

/** The bundle is there already; only its release or stage is another. Pure. */
export function withSameBundle(state: RolloutState, release: InstalledRelease): RolloutState {
  const { current, candidate } = state;
  const { stage } = release;
  const isCandidate = candidate?.slot.manifestSha256 === release.manifestSha256;
  return isCandidate
    ? { ...state, ...handledBy(release), candidate: { ...candidate, stage } }
    : { ...state, ...handledBy(release), current: { ...current, release: release.release, stage } };
}

/** A bundle that this device ran before need not be shadowed again: a roll-back of the director's takes effect soon. */
export function withCandidate(
  state: RolloutState,
  release: InstalledRelease,
  slot: Slot,
  attemptsLeft: number,
): RolloutState {
  const { previous, factory } = state;
  const candidate: Candidate = {
    slot,
    stage: release.stage,
    phase: "verifying",
    since: slot.since,
    attemptsLeft,
    proven: [previous, factory].some((known) => known?.manifestSha256 === slot.manifestSha256),
    evidence: NO_EVIDENCE,
    shadow: null,
  };
  return { ...state, ...handledBy(release), candidate };
}

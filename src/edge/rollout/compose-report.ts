import type { ReleaseInState, ReleaseReport } from "../../contracts/release-report.ts";
import type { Phase, RolloutState, Slot } from "./rollout-state.ts";
import type { SeenCandidate } from "./rollout-parts.ts";

/** What is shown of the roll-out. */
export interface RolloutView {
  readonly state: RolloutState;
  readonly candidate: SeenCandidate | null;
  readonly downloading: { readonly done: number; readonly total: number } | null;
  readonly product: string;
  readonly shadowParts: number;
  readonly trialParts: number;
}

const NO_MODEL = "";

/** Pure. */
export function composeReport(view: RolloutView, at: { readonly device: string; readonly at: string }): ReleaseReport {
  const { state } = view;
  return { schema: 1, ...at, active: modelOf(state.current), candidate: candidateOf(view), last: state.last };
}

function candidateOf(view: RolloutView): ReleaseReport["candidate"] {
  const { candidate, downloading, product } = view;
  if (candidate !== null) {
    const { slot, phase, note, evidence } = candidate;
    const { parts, disagreements } = evidence;
    return { ...modelOf(slot), phase, parts, wanted: wantedOf(view, phase), disagreements, note };
  }
  if (downloading === null) return null;
  const { done, total } = downloading;
  const note = `${megabytes(done)} of ${megabytes(total)} MB`;
  const counters = { parts: 0, wanted: 0, disagreements: 0 };
  return { name: product, version: NO_MODEL, sha256: NO_MODEL, phase: "downloading", ...counters, note };
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

const modelOf = ({ name, version, sha256 }: Slot): ReleaseReport["active"] => ({ name, version, sha256 });

const wantedOf = ({ shadowParts, trialParts }: RolloutView, phase: Phase): number =>
  phase === "shadow" ? shadowParts : phase === "trial" ? trialParts : 0;

/** In short, for the device's state: changes with the phase, not with every part. Pure. */
export function releaseInState({ state, candidate }: Pick<RolloutView, "state" | "candidate">): ReleaseInState {
  if (candidate === null || candidate.phase === "verifying" || (candidate.phase === "trial" && !candidate.isOnLine)) {
    const { name: model, version, stage, since } = state.current;
    return { slot: "active", model, version, stage, since, note: "" };
  }
  const { slot, phase, stage, since, note } = candidate;
  return { slot: phase, model: slot.name, version: slot.version, stage, since, note };
}

/** "Runs tile 1.0.0 since …; trying 1.1.0: 340 of 500 parts, 3 disagreements." Pure. */
export function releaseSentence({ active, candidate }: ReleaseReport, since: string): string {
  const runs = `Runs ${active.name} ${active.version} since ${since.slice(0, 16).replace("T", " ")} UTC`;
  if (candidate === null) return `${runs}.`;
  const { name, version, phase, parts, wanted, disagreements } = candidate;
  if (phase === "downloading") return `${runs}; downloading a release of ${name}.`;
  if (phase === "verifying") return `${runs}; verifying ${name} ${version}.`;
  const how = phase === "shadow" ? "trying in the shadow" : "trying on the line";
  return `${runs}; ${how} ${name} ${version}: ${parts} of ${wanted} parts, ${disagreements} disagreements.`;
}

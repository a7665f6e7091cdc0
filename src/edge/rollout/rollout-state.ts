import { z } from "zod";
import { ReleaseStage } from "../../release/documents.ts";

const Count = z.int().nonnegative();
const Time = z.iso.datetime({ precision: 3 });

/** A bundle on the disk of this device. */
export const Slot = z.strictObject({
  path: z.string(),
  name: z.string(),
  version: z.string(),
  /** Of model.onnx: names the model in verdicts. */
  sha256: z.string(),
  /** Of manifest.json: names the bundle, limits included. */
  manifestSha256: z.string(),
  /** Number of the release; null for the bundle of the configuration. */
  release: Count.nullable(),
  stage: ReleaseStage.nullable(),
  since: Time,
});
export type Slot = z.infer<typeof Slot>;

/** What was seen of a candidate in one phase. "The other" is the model it is compared with. */
export const Evidence = z.strictObject({
  /** Parts that the candidate judged. */
  parts: Count,
  /** Of them, those it rejected. */
  rejects: Count,
  /** Parts that both judged, and of them those with different verdicts. */
  compared: Count,
  disagreements: Count,
  /** Of the compared, those the other rejected, and of these those the candidate passed. */
  otherRejects: Count,
  missed: Count,
  /** Parts it left without an answer. */
  faults: Count,
  /** Ends of its inference process. */
  crashes: Count,
});
export type Evidence = z.infer<typeof Evidence>;

export const NO_EVIDENCE: Evidence = {
  parts: 0,
  rejects: 0,
  compared: 0,
  disagreements: 0,
  otherRejects: 0,
  missed: 0,
  faults: 0,
  crashes: 0,
};

export const Phase = z.enum(["verifying", "shadow", "trial"]);
export type Phase = z.infer<typeof Phase>;

export const Candidate = z.strictObject({
  slot: Slot,
  stage: ReleaseStage,
  phase: Phase,
  since: Time,
  /** Loads it may still begin in this phase; written down before each. */
  attemptsLeft: Count,
  /** It gave the verdicts of this device before: it is not shadowed again. */
  proven: z.boolean(),
  evidence: Evidence,
  /** Of the shadow phase, once it is over: what the trial is held against. */
  shadow: Evidence.nullable(),
});
export type Candidate = z.infer<typeof Candidate>;

export const Order = z.strictObject({ order: Count, stage: ReleaseStage, manifestSha256: z.string() });
export type Order = z.infer<typeof Order>;

export const Outcome = z.strictObject({
  outcome: z.enum(["committed", "rolled-back", "refused"]),
  name: z.string(),
  version: z.string(),
  code: z.string(),
  sentence: z.string(),
  at: Time,
});
export type Outcome = z.infer<typeof Outcome>;

/** All that a device must not forget about its models. `current` is what it starts with, whatever is being tried. */
export const RolloutState = z.strictObject({
  schema: z.literal(1),
  factory: Slot,
  current: Slot,
  previous: Slot.nullable(),
  candidate: Candidate.nullable(),
  /** The last order that was looked at: it is not begun twice. */
  handled: Order.nullable(),
  last: Outcome.nullable(),
});
export type RolloutState = z.infer<typeof RolloutState>;

export const freshState = (factory: Slot): RolloutState => ({
  schema: 1,
  factory,
  current: factory,
  previous: null,
  candidate: null,
  handled: null,
  last: null,
});

/** Folders to start from, the best first; each once. Pure. */
export const startOrder = ({ current, previous, factory }: RolloutState): readonly string[] => [
  ...new Set([current, ...(previous === null ? [] : [previous]), factory].map(({ path }) => path)),
];

export const inPhase = (candidate: Candidate, phase: Phase, at: string, attempts: number): Candidate => ({
  ...candidate,
  phase,
  since: at,
  attemptsLeft: attempts,
  evidence: NO_EVIDENCE,
  shadow: candidate.phase === "shadow" ? candidate.evidence : candidate.shadow,
});

/** The candidate becomes what the device runs from now on. */
export function committed(state: RolloutState, at: string, sentence: string): RolloutState {
  const { candidate, current } = state;
  if (candidate === null) return state;
  const slot = { ...candidate.slot, stage: candidate.stage, since: at };
  return {
    ...state,
    current: slot,
    previous: current,
    candidate: null,
    last: { outcome: "committed", name: slot.name, version: slot.version, code: "committed", sentence, at },
  };
}

/** The candidate is given up; what the device runs stays. */
export function givenUp(state: RolloutState, at: string, why: { code: string; sentence: string }): RolloutState {
  const { candidate } = state;
  if (candidate === null) return state;
  const outcome = candidate.phase === "verifying" ? ("refused" as const) : ("rolled-back" as const);
  const { name, version } = candidate.slot;
  return { ...state, candidate: null, last: { outcome, name, version, ...why, at } };
}

/** What a start makes of it: the bundle that could be loaded is the current one, whatever was. Pure. */
export function startedFrom(state: RolloutState, path: string, at: string): RolloutState {
  const { current, previous, factory } = state;
  const works = [previous, factory].find((slot) => slot?.path === path);
  if (path === current.path || works === undefined || works === null) return state;
  const { name, version } = current;
  const sentence = `${name} ${version} could not be loaded at the start; ${works.name} ${works.version} runs.`;
  const last = { outcome: "rolled-back", name, version, code: "load-failed", sentence, at } as const;
  return { ...state, current: works, previous: null, last };
}

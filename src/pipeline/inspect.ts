import type { FaultReason } from "../contracts/verdict.ts";
import type { FrameStatistics } from "../imaging/frame-statistics.ts";
import type { Clock, MonotonicMs } from "../platform/clock.ts";
import type { Decision } from "./decide/decide.ts";
import type { CapturedFrame, Frame } from "./frame.ts";
import type { SanityFinding } from "./sanity/sanity-gate.ts";

/** The stages of a part's way that need the world; deciding is the fifth, and pure. */
export interface InspectionStages<Prepared, Scores> {
  capture(signal: AbortSignal): Promise<CapturedFrame>;
  checkSanity(frame: Frame): SanityFinding;
  preprocess(frame: Frame): Prepared;
  infer(prepared: Prepared, signal: AbortSignal): Promise<Scores>;
  decide(prepared: Prepared, scores: Scores): Decision;
}

/** How far a part came: filled in as it goes, so that a fault can still say which frame it was about. */
export interface InspectionRecord {
  frame: CapturedFrame | undefined;
  /** What the sanity gate has measured; absent before. */
  statistics?: FrameStatistics;
  capturedTick: MonotonicMs | undefined;
  preprocessedTick: MonotonicMs | undefined;
  inferredTick: MonotonicMs | undefined;
}

export type InspectionOutcome =
  | { readonly kind: "decided"; readonly decision: Decision }
  | { readonly kind: "fault"; readonly reason: FaultReason; readonly detail: string };

/** capture -> sanity -> preprocess -> infer -> decide. What becomes of the outcome is the line's business. */
export async function inspect<Prepared, Scores>(
  stages: InspectionStages<Prepared, Scores>,
  at: { readonly clock: Clock; readonly record: InspectionRecord; readonly signal: AbortSignal },
): Promise<InspectionOutcome> {
  const { clock, record, signal } = at;
  const frame = await stages.capture(signal);
  record.frame = frame;
  record.capturedTick = clock.tick();
  if (frame.kind === "damaged") return { kind: "fault", reason: frame.reason, detail: frame.detail };
  const finding = stages.checkSanity(frame);
  if (!finding.ok) return { kind: "fault", reason: finding.reason, detail: finding.detail };
  const prepared = stages.preprocess(frame);
  record.preprocessedTick = clock.tick();
  const scores = await stages.infer(prepared, signal);
  record.inferredTick = clock.tick();
  return { kind: "decided", decision: stages.decide(prepared, scores) };
}

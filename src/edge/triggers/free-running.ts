import type { CapturedFrame } from "../../pipeline/frame.ts";
import type { Clock, MonotonicMs } from "../../platform/clock.ts";
import type { AcceptedTrigger, IncomingTrigger } from "../line.ts";

export interface FreeRunningCollaborators {
  readonly clock: Clock;
  /** True for cameras: frames cannot wait, so one too many is a fault; false for files, which wait. */
  readonly live: boolean;
  frames(signal: AbortSignal): AsyncIterable<CapturedFrame>;
  accept(trigger: IncomingTrigger): AcceptedTrigger;
  room(signal: AbortSignal): Promise<void>;
}

/** Every frame is a part: its capture is the trigger. Ends when the source ends or `signal` aborts. */
export async function runFreely(collaborators: FreeRunningCollaborators, signal: AbortSignal): Promise<void> {
  for await (const frame of collaborators.frames(signal)) {
    if (!collaborators.live) await collaborators.room(signal);
    // A file has waited for its turn, a part on the belt has not: its deadline runs from the exposure.
    const receivedTick = collaborators.live ? frame.capturedTick : collaborators.clock.tick();
    collaborators.accept(triggerOfFrame(frame, receivedTick));
  }
}

export function triggerOfFrame(frame: CapturedFrame, receivedTick: MonotonicMs): IncomingTrigger {
  const part = frame.metadata["part"];
  return {
    source: "free",
    requestId: null,
    part: typeof part === "string" && part !== "" ? part : undefined,
    deadlineMs: undefined,
    receivedTick,
    capture: async () => frame,
    frame,
  };
}

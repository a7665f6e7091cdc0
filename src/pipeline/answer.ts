import { SightlineError, messageOf, type ErrorCode } from "../contracts/errors.ts";
import type { FaultReason } from "../contracts/verdict.ts";
import type { Clock, MonotonicMs } from "../platform/clock.ts";
import type { InspectionOutcome } from "./inspect.ts";

export interface Deadline {
  readonly clock: Clock;
  /** When the answer is due, monotonic. */
  readonly dueTick: MonotonicMs;
  /** Aborts when the device stops taking its time: parts still undecided then are `shutdown` faults. */
  readonly shutdown: AbortSignal;
}

const DEADLINE = Symbol("deadline");
const TOO_LATE: InspectionOutcome = { kind: "fault", reason: "deadline", detail: "no result before the deadline" };

/**
 * Fail closed: whatever happens in `work`, there is an outcome, and it is there by the deadline. A running inference
 * cannot be interrupted, so the deadline never depends on the stages' good will: a result that comes later is dropped.
 * Only this function may catch everything.
 */
export function answer(
  deadline: Deadline,
  work: (signal: AbortSignal) => Promise<InspectionOutcome>,
): Promise<InspectionOutcome> {
  const { clock, dueTick, shutdown } = deadline;
  const controller = new AbortController();
  return new Promise((resolve) => {
    const settle = (outcome: InspectionOutcome): void => {
      cancelTimer();
      shutdown.removeEventListener("abort", onShutdown);
      resolve(outcome);
    };
    const onShutdown = (): void => {
      controller.abort(shutdown.reason);
      settle({ kind: "fault", reason: "shutdown", detail: "the device was stopped before the part was judged" });
    };
    const remainingMs = Math.max(0, dueTick - clock.tick());
    const cancelTimer = clock.after(remainingMs, () => {
      controller.abort(DEADLINE);
      settle(TOO_LATE);
    });
    if (shutdown.aborted) {
      onShutdown();
      return;
    }
    shutdown.addEventListener("abort", onShutdown, { once: true });
    Promise.resolve()
      .then(() => work(controller.signal))
      .catch(faultOf)
      // On a busy thread a late result can overtake the timer that should have dropped it.
      .then((outcome) => settle(clock.tick() < dueTick ? outcome : TOO_LATE));
  });
}

const CAMERA_CODES: ReadonlySet<ErrorCode> = new Set([
  "CAMERA_LOST",
  "CAMERA_STALLED",
  "CAMERA_RESIZED",
  "CAMERA_UNAVAILABLE",
  "PROGRAM_MISSING",
]);

/** The fault for anything that was thrown on a part's way. */
function faultOf(error: unknown): InspectionOutcome {
  return { kind: "fault", reason: faultReasonOf(error), detail: messageOf(error) };
}

function faultReasonOf(error: unknown): FaultReason {
  return error instanceof SightlineError && CAMERA_CODES.has(error.code) ? "camera" : "model";
}

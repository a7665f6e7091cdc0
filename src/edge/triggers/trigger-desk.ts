import type { TriggerRequest } from "../../contracts/trigger.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { CapturedFrame } from "../../pipeline/frame.ts";
import type { Journal } from "../../pipeline/journal/journal.ts";
import type { Clock, MonotonicMs } from "../../platform/clock.ts";
import type { AcceptedTrigger, IncomingTrigger } from "../line.ts";

export interface TriggerDeskCollaborators {
  readonly clock: Clock;
  readonly journal: Pick<Journal, "verdictOfRequest">;
  /** Its frames do not wait: the camera must be asked while the part is in view. */
  readonly live: boolean;
  /** Of a trigger that names none. */
  deadlineMs(): number;
  accept(trigger: IncomingTrigger): AcceptedTrigger;
  /** The first frame exposed after `tick`, never one from before the trigger. */
  nextFrameAfter(tick: MonotonicMs, signal: AbortSignal): Promise<CapturedFrame>;
}

export interface TriggerArrival {
  readonly source: "mqtt" | "http";
  /** It waited elsewhere while the device was away: its part is no longer in view, an image of now is not its image. */
  readonly late?: boolean;
}

/** A disk that does not answer must not keep a part from its verdict: better judged twice than never. */
const LOOK_UP_MS = 300;

const TOO_LATE = { reason: "deadline", detail: "the trigger arrived after its part had gone" } as const;

/**
 * Takes triggers from MQTT and HTTP. The same request id again is the same trigger: a sender that repeats after a lost
 * answer gets the verdict of the first, never a second one.
 */
export class TriggerDesk {
  readonly #with: TriggerDeskCollaborators;
  readonly #undecided = new Map<string, AcceptedTrigger>();

  constructor(collaborators: TriggerDeskCollaborators) {
    this.#with = collaborators;
  }

  /** `recorded` resolves when the trigger is on disk, so that its receipt can be confirmed to the sender. */
  take(request: TriggerRequest, arrival: TriggerArrival): AcceptedTrigger {
    const receivedTick = this.#with.clock.tick();
    const { id } = request;
    if (id === undefined) {
      return this.#accept(request, arrival, receivedTick, (signal) => this.#with.nextFrameAfter(receivedTick, signal));
    }
    const open = this.#undecided.get(id);
    if (open !== undefined) return open;
    const accepted = this.#acceptUnlessKnown(id, request, arrival, receivedTick);
    this.#undecided.set(id, accepted);
    void accepted.verdict.finally(() => this.#undecided.delete(id));
    return accepted;
  }

  #acceptUnlessKnown(id: string, request: TriggerRequest, arrival: TriggerArrival, tick: MonotonicMs): AcceptedTrigger {
    const { live, nextFrameAfter } = this.#with;
    const withinMs = Math.min(LOOK_UP_MS, (request.deadlineMs ?? this.#with.deadlineMs()) / 2);
    // The camera keeps the part's frame for a moment only and the disk may take longer: it is asked before the answer.
    const settled = new AbortController();
    const early = live && arrival.late !== true ? nextFrameAfter(tick, settled.signal) : undefined;
    early?.catch(() => undefined); // whoever takes it gets the error
    const capture = (signal: AbortSignal): Promise<CapturedFrame> => early ?? nextFrameAfter(tick, signal);
    const deciding = this.#lookUp(id, withinMs).then((known): AcceptedTrigger => {
      if (known !== undefined && known !== "pending") {
        return { recorded: Promise.resolve(), verdict: Promise.resolve<Verdict>(known) };
      }
      return this.#accept(request, arrival, tick, capture);
    });
    return {
      recorded: deciding.then((accepted) => accepted.recorded),
      verdict: deciding.then((accepted) => accepted.verdict).finally(() => settled.abort()),
    };
  }

  #lookUp(id: string, withinMs: number): ReturnType<Journal["verdictOfRequest"]> {
    const { clock, journal } = this.#with;
    return new Promise((resolve) => {
      const giveUp = (): void => resolve(undefined);
      const cancel = clock.after(withinMs, giveUp);
      journal.verdictOfRequest(id).then(resolve, giveUp).finally(cancel);
    });
  }

  #accept(
    request: TriggerRequest,
    arrival: TriggerArrival,
    receivedTick: MonotonicMs,
    capture: IncomingTrigger["capture"],
  ): AcceptedTrigger {
    return this.#with.accept({
      ...(arrival.late === true ? { refused: TOO_LATE } : {}),
      source: arrival.source,
      requestId: request.id ?? null,
      part: request.part,
      readings: request.readings,
      deadlineMs: request.deadlineMs,
      receivedTick,
      capture,
    });
  }
}

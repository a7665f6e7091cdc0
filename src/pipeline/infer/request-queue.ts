import { SightlineError, messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { InferenceRequest, InferenceResult } from "./inference-engine.ts";
import type { PoolMember } from "./pool-member.ts";
import type { PoolModel } from "./pool-model.ts";
import { MAX_PIXEL_BYTES, writePixels } from "./shared-slots.ts";

/** One runs, the next lies ready, so that a process never waits for the device. */
const IN_FLIGHT_PER_PROCESS = 2;
const WAITING_PER_PROCESS = 8;

interface WaitingRequest {
  readonly model: PoolModel;
  readonly slot: number;
  readonly count: number;
  readonly cancelAlarm: () => void;
  resolve(result: Promise<InferenceResult>): void;
  reject(error: SightlineError): void;
}

export interface RequestQueueParts {
  readonly members: readonly PoolMember[];
  readonly sharedFile: number;
  readonly clock: Clock;
  readonly firstSlot: number;
  /** How long a request may wait for a process. */
  readonly hangTimeoutMs: number;
}

/** Gives requests to the least busy process; what finds all of them busy waits in its slot of the shared file. */
export class RequestQueue {
  readonly #parts: RequestQueueParts;
  /** Never longer than there are slots. */
  readonly #waiting: WaitingRequest[] = [];
  readonly #freeSlots: number[];
  readonly #slotCount: number;
  #isDraining = false;
  #onEmpty: () => void = () => undefined;

  constructor(parts: RequestQueueParts) {
    this.#parts = parts;
    this.#slotCount = parts.members.length * (IN_FLIGHT_PER_PROCESS + WAITING_PER_PROCESS);
    // Taken from the end: the lowest slots are used most, and stay in the processor's cache.
    this.#freeSlots = Array.from({ length: this.#slotCount }, (_, at) => parts.firstSlot + this.#slotCount - 1 - at);
  }

  /** The pixels are in the shared file when this returns. */
  submit(model: PoolModel, request: InferenceRequest): Promise<InferenceResult> {
    const refusal = this.#refusal(model, request);
    const slot = refusal === null ? this.#freeSlots.pop() : undefined;
    if (slot === undefined) {
      const detail = refusal ?? `${this.#slotCount} requests are waiting already`;
      return Promise.reject(new SightlineError("INFERENCE_FAILED", detail));
    }
    try {
      writePixels(this.#parts.sharedFile, slot, request.pixels);
    } catch (error) {
      this.#release(slot);
      const detail = `the pixels cannot be handed over: ${messageOf(error)}`;
      return Promise.reject(new SightlineError("INFERENCE_FAILED", detail, { cause: error }));
    }
    const member = this.#waiting.length === 0 ? this.#leastBusy(model) : undefined;
    if (member !== undefined) return this.#run(member, model, { slot, count: request.count });
    return this.#wait(model, { slot, count: request.count });
  }

  /** Gives waiting requests to processes that can take one. */
  dispatch(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const member = this.#leastBusy(next.model);
      if (member === undefined) return;
      this.#waiting.shift();
      next.cancelAlarm();
      next.resolve(this.#run(member, next.model, next));
    }
  }

  /** Takes no more, and resolves when nothing is in flight, at the latest after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    if (this.#freeSlots.length === this.#slotCount) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const cancel = this.#parts.clock.after(graceMs, resolve);
    await promise;
    cancel();
    for (const left of this.#waiting.splice(0)) {
      left.cancelAlarm();
      left.reject(new SightlineError("INFERENCE_FAILED", "the engine stopped"));
    }
  }

  #refusal({ bundle }: PoolModel, { pixels, count }: InferenceRequest): string | null {
    const { width, height } = bundle.manifest.input;
    const expected = count * width * height * 3;
    if (this.#isDraining) return "the engine is stopping";
    if (!Number.isInteger(count) || count < 1) return `a request has ${count} regions`;
    if (pixels.length !== expected) return `a request of ${count} regions has ${pixels.length} bytes, not ${expected}`;
    return expected <= MAX_PIXEL_BYTES ? null : `a request has ${expected} bytes, more than ${MAX_PIXEL_BYTES}`;
  }

  async #run(member: PoolMember, model: PoolModel, job: { slot: number; count: number }): Promise<InferenceResult> {
    const { slot, count } = job;
    try {
      const result = await member.run(model, slot, count);
      this.#release(slot);
      return result;
    } catch (error) {
      // A process that is being killed may still write into the slot: it is free when that process is gone.
      void member.whenQuiet().then(() => this.#release(slot));
      throw error;
    } finally {
      this.dispatch();
    }
  }

  #wait(model: PoolModel, { slot, count }: { slot: number; count: number }): Promise<InferenceResult> {
    return new Promise((resolve, reject) => {
      const { clock, hangTimeoutMs } = this.#parts;
      const request: WaitingRequest = {
        model,
        slot,
        count,
        resolve,
        reject,
        cancelAlarm: clock.after(hangTimeoutMs, () => {
          this.#waiting.splice(this.#waiting.indexOf(request), 1);
          this.#release(slot);
          reject(new SightlineError("INFERENCE_CRASHED", `no inference process was free within ${hangTimeoutMs} ms`));
        }),
      };
      this.#waiting.push(request);
    });
  }

  #leastBusy(model: PoolModel): PoolMember | undefined {
    let best: PoolMember | undefined;
    for (const member of this.#parts.members) {
      if (!member.canRun(model) || member.inFlight >= IN_FLIGHT_PER_PROCESS) continue;
      if (best === undefined || member.inFlight < best.inFlight) best = member;
    }
    return best;
  }

  #release(slot: number): void {
    this.#freeSlots.push(slot);
    if (this.#freeSlots.length === this.#slotCount) this.#onEmpty();
  }
}

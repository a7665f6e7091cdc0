import type { Clock, MonotonicMs } from "../../platform/clock.ts";
import { SightlineError } from "../../contracts/errors.ts";
import type { CapturedFrame } from "../frame.ts";

interface Waiter {
  readonly tick: MonotonicMs;
  resolve(frame: CapturedFrame): void;
  reject(error: unknown): void;
}

/** Frames a trigger may still ask for: its message can arrive a little after the frame. */
const RECENT_FRAMES = 2;
const GONE = "the trigger came too late for its frame: a later one would show another part";

/** Where the camera link lays frames down and the line takes them up, free-running or triggered; holds two at most. */
export class FrameHandover {
  readonly #live: boolean;
  readonly #clock: Clock;
  readonly #onMissed: (frame: CapturedFrame) => void;
  readonly #waiters = new Set<Waiter>();
  #recent: CapturedFrame[] = [];
  /** Of the newest frame that a trigger can no longer get. */
  #goneTick = Number.NEGATIVE_INFINITY;
  #slot: { readonly frame: CapturedFrame; readonly laidTick: MonotonicMs } | undefined;
  #freeRunning = false;
  #closed = false;
  #failure: unknown;
  #wakeConsumer = (): void => undefined;
  #wakeProducer = (): void => undefined;
  missedCount = 0;

  constructor(live: boolean, clock: Clock, onMissed: (frame: CapturedFrame) => void) {
    this.#live = live;
    this.#clock = clock;
    this.#onMissed = onMissed;
  }

  /** Live: resolves at once, the newest frame wins. Otherwise when the frame has been taken, or at the close. */
  async offer(frame: CapturedFrame): Promise<void> {
    if (this.#closed) return;
    this.#failure = undefined;
    if (this.#live) return this.#offerLive(frame);
    const [first] = this.#waiters;
    if (first !== undefined) return first.resolve(this.#shownNow(frame));
    this.#slot = { frame, laidTick: this.#clock.tick() };
    this.#wakeConsumer();
    await new Promise<void>((resolve) => (this.#wakeProducer = resolve));
  }

  #offerLive(frame: CapturedFrame): void {
    for (const waiter of this.#waiters) if (frame.capturedTick >= waiter.tick) waiter.resolve(frame);
    this.#recent.push(frame);
    this.#forget(this.#recent.length - (this.#freeRunning ? 0 : RECENT_FRAMES));
    if (!this.#freeRunning) return;
    this.#missSlot();
    this.#slot = { frame, laidTick: this.#clock.tick() };
    this.#wakeConsumer();
  }

  #missSlot(): void {
    const missed = this.#slot?.frame;
    this.#slot = undefined;
    if (missed === undefined) return;
    this.missedCount++;
    this.#onMissed(missed);
  }

  /** Every frame in order; ends when the source ends or `signal` aborts, throws what `close` was given. */
  async *frames(signal: AbortSignal): AsyncGenerator<CapturedFrame, void, void> {
    if (this.#freeRunning) throw new SightlineError("USAGE", "the camera's frames are being taken already");
    this.#freeRunning = true;
    this.#forget(this.#recent.length);
    const wake = (): void => this.#wakeConsumer();
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (!signal.aborted) {
        const frame = this.#take();
        if (frame !== undefined) yield frame;
        else if (this.#closed) return this.#throwFailure();
        else await new Promise<void>((resolve) => (this.#wakeConsumer = resolve));
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#freeRunning = false;
      if (this.#live) this.#missSlot();
    }
  }

  /** The first frame captured at or after `tick`; of a source that waits, its next frame. */
  nextAfter(tick: MonotonicMs, signal: AbortSignal): Promise<CapturedFrame> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const gone = this.#live && tick <= this.#goneTick;
      const ready = this.#live ? this.#recent.find((frame) => !gone && frame.capturedTick >= tick) : this.#take(true);
      if (ready !== undefined) return resolve(ready);
      this.#throwFailure();
      if (gone) throw new SightlineError("CAMERA_LOST", GONE);
      if (this.#closed) throw new SightlineError("CAMERA_LOST", "the source has ended; there are no more frames");
      const settle = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = {
        tick,
        resolve: (frame) => (settle(), resolve(frame)),
        reject: (error) => (settle(), reject(error)),
      };
      const onAbort = (): void => waiter.reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Until the next frame nobody waits in vain: triggers are answered with `error` at once. */
  fail(error: unknown): void {
    this.#failure = error;
    this.#forget(this.#recent.length);
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }

  /** No more frames; with `error`, because of it. A frame that lies here can still be taken. */
  close(error?: unknown): void {
    this.#closed = true;
    this.fail(error ?? new SightlineError("CAMERA_LOST", "the source has ended; there are no more frames"));
    this.#failure = error;
    this.#wakeConsumer();
    this.#wakeProducer();
  }

  #forget(count: number): void {
    for (const frame of this.#recent.splice(0, Math.max(0, count)))
      this.#goneTick = Math.max(this.#goneTick, frame.capturedTick);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #take(asNow = false): CapturedFrame | undefined {
    const slot = this.#slot;
    if (slot === undefined) return undefined;
    this.#slot = undefined;
    this.#wakeProducer();
    if (this.#live) return slot.frame;
    return asNow ? this.#shownNow(slot.frame) : this.#later(slot.frame, this.#clock.tick() - slot.laidTick);
  }

  /** A file is not exposed at a moment of its own: waiting for the line must not count as its age. */
  #later(frame: CapturedFrame, waitedMs: number): CapturedFrame {
    const capturedAt = (frame.capturedAt + waitedMs) as CapturedFrame["capturedAt"]; // arithmetic loses the brand
    const capturedTick = (frame.capturedTick + waitedMs) as MonotonicMs;
    return { ...frame, capturedAt, capturedTick };
  }

  #shownNow(frame: CapturedFrame): CapturedFrame {
    return { ...frame, capturedAt: this.#clock.wallNow(), capturedTick: this.#clock.tick() };
  }
}

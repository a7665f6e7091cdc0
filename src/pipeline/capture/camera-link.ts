import { z } from "zod";
import type { Clock, MonotonicMs, WallClockMs } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import { retryDelayMs } from "../../platform/retry.ts";
import type { Service } from "../../platform/services.ts";
import { ERROR_CODES, messageOf, SightlineError } from "../../contracts/errors.ts";
import type { CapturedFrame } from "../frame.ts";
import { nextCameraState, type CameraEvent, type CameraState } from "./camera-state.ts";
import { FrameHandover } from "./frame-handover.ts";
import { FrameRate } from "./frame-rate.ts";
import type { Exposure, FrameSource } from "./frame-source.ts";

export const CameraLinkOptions = z.strictObject({
  openTimeoutMs: z.int().positive().default(15_000).describe("from starting a source to its first frame"),
  stallTimeoutMs: z.int().positive().default(3_000).describe("longest time between two frames before a restart"),
  retryFirstMs: z.int().positive().default(250).describe("wait before the first restart; doubles from one to the next"),
  retryMaxMs: z.int().positive().default(30_000),
  retryMissingProgramMs: z
    .int()
    .positive()
    .default(60_000)
    .describe("wait while a program is missing: somebody may install it"),
  whenLost: z.enum(["restart", "end"]).default("restart").describe("end: the first loss ends the frames"),
});
export type CameraLinkOptions = z.infer<typeof CameraLinkOptions>;

export interface CameraLinkContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** A live frame the line was too busy to take; called once for each, so that it can be answered with a fault. */
  readonly onMissed: (frame: CapturedFrame) => void;
}

export interface CameraStatus {
  readonly name: string;
  readonly state: CameraState;
  readonly restarts: number;
  readonly stalls: number;
  readonly resizes: number;
  readonly missed: number;
  readonly framesPerSecond: number;
  /** The latest trouble, in a sentence; it stays after the recovery. */
  readonly lastError: string | null;
  readonly lastFrameAt: WallClockMs | null;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
}

/** Half of each wait is random, so that cameras behind one failed switch do not all come back at once. */
const RETRY_JITTER = 0.5;
/** A block of our own event loop must not look like a stall: frames that have arrived are read before judging again. */
const SECOND_LOOK_MS = 50;

/** Keeps a source running, numbers its frames and hands them to the line. */
export class CameraLink implements Service {
  readonly name = "camera";
  readonly #source: FrameSource;
  readonly #options: CameraLinkOptions;
  readonly #context: CameraLinkContext;
  readonly #handover: FrameHandover;
  readonly #rate = new FrameRate();
  readonly #logState: (state: CameraState) => void;
  readonly #logTrouble: (sentence: string) => void;
  readonly #stopping = new AbortController();
  #supervision: Promise<void> = Promise.resolve();
  #state: CameraState = "closed";
  #seq = 0;
  #restarts = 0;
  #stalls = 0;
  #resizes = 0;
  #lastError: string | null = null;
  #lastFrameAt: WallClockMs | null = null;
  #size: { readonly widthPx: number; readonly heightPx: number } | undefined;
  /** Set while the source owes us a frame. */
  #waitingSince: MonotonicMs | undefined;

  constructor(source: FrameSource, options: CameraLinkOptions, context: CameraLinkContext) {
    this.#source = source;
    this.#options = options;
    this.#context = context;
    this.#handover = new FrameHandover(source.live, context.clock, context.onMissed);
    const camera = source.name;
    this.#logState = onChange((state) => context.log.info({ camera, state }, "camera state"));
    this.#logTrouble = onChange((sentence) => context.log.warn({ camera, error: sentence }, "camera trouble"));
  }

  /** Returns at once; frames come when the source has opened. */
  async start(): Promise<void> {
    this.#event("start");
    this.#supervision = this.#supervise(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new SightlineError("CAMERA_LOST", "the camera link is stopping"));
    this.#handover.close();
    await this.#supervision;
    this.#event("stop");
  }

  /**
   * Free-running: every frame once. When the line lags, a live source's newest frame replaces the waiting one, which
   * goes to `onMissed`; a source that waits is held back. Ends with the source, with `stop` and with `signal`.
   * For one consumer at a time.
   */
  frames(signal: AbortSignal): AsyncIterable<CapturedFrame> {
    return this.#handover.frames(signal);
  }

  /**
   * Triggered: the first frame captured at or after `tick`, never an earlier one; call it as soon as the trigger is
   * known, since only two past frames are kept. Triggers less than a frame apart get the same frame. A source that
   * waits (files) gives its next frame. Rejects at once while the camera is lost, and with `signal.reason`.
   */
  nextAfter(tick: MonotonicMs, signal: AbortSignal): Promise<CapturedFrame> {
    return this.#handover.nextAfter(tick, signal);
  }

  status(): CameraStatus {
    const silenceMs = Math.min(2_000, this.#options.stallTimeoutMs);
    return {
      name: this.#source.name,
      state: this.#state,
      restarts: this.#restarts,
      stalls: this.#stalls,
      resizes: this.#resizes,
      missed: this.#handover.missedCount,
      framesPerSecond: this.#rate.perSecond(this.#context.clock.tick(), silenceMs),
      lastError: this.#lastError,
      lastFrameAt: this.#lastFrameAt,
      widthPx: this.#size?.widthPx ?? null,
      heightPx: this.#size?.heightPx ?? null,
    };
  }

  async #supervise(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context;
    const { retryFirstMs: firstMs, retryMaxMs: maxMs, retryMissingProgramMs, whenLost } = this.#options;
    const policy = { firstMs, maxMs, jitter: RETRY_JITTER };
    for (let attempt = 0; ; attempt++) {
      const startedTick = clock.tick();
      const error = await this.#run(signal);
      if (signal.aborted) return;
      if (error === undefined || whenLost === "end") return this.#end(error);
      this.#lose(error);
      if (clock.tick() - startedTick > maxMs) attempt = 0; // it ran well for long: a new trouble, not the old one
      const delayMs = isPermanent(error) ? retryMissingProgramMs : retryDelayMs(policy, attempt, random);
      await clock.sleep(delayMs, signal).catch(() => undefined); // rejects only when stopping
      if (signal.aborted) return;
      this.#restarts++;
    }
  }

  /** One life of the source. Resolves with why it was lost, or undefined when it came to its end. */
  async #run(signal: AbortSignal): Promise<unknown> {
    const life = new AbortController();
    const lifeSignal = AbortSignal.any([signal, life.signal]);
    const progress = { opened: false, sizeText: "" };
    const endWatch = this.#source.idles === true ? () => undefined : this.#watchForStall(life, progress);
    this.#rate.clear();
    this.#waitingSince = this.#context.clock.tick();
    try {
      for await (const exposure of this.#source.exposures(lifeSignal)) {
        this.#waitingSince = undefined;
        progress.opened = true;
        await this.#accept(exposure, progress);
        this.#waitingSince = this.#context.clock.tick();
      }
      lifeSignal.throwIfAborted();
      return this.#source.live ? new SightlineError("CAMERA_LOST", `${this.#source.name} has ended`) : undefined;
    } catch (error) {
      return life.signal.aborted ? life.signal.reason : error;
    } finally {
      endWatch();
    }
  }

  async #accept(exposure: Exposure, progress: { sizeText: string }): Promise<void> {
    this.#event("opened");
    this.#rate.note(this.#context.clock.tick());
    this.#lastFrameAt = exposure.capturedAt;
    const frame = { ...exposure, seq: this.#seq++ };
    if (frame.kind === "damaged") return this.#handover.offer(frame);
    const { widthPx, heightPx, channels } = frame.image;
    const sizeText = `${widthPx} x ${heightPx} px, ${channels} channel(s)`;
    if (this.#source.live && progress.sizeText !== "" && progress.sizeText !== sizeText) {
      const detail = `${this.#source.name} changed from ${progress.sizeText} to ${sizeText}; it is restarted`;
      const { capturedAt, capturedTick, metadata, seq } = frame;
      const times = { capturedAt, capturedTick };
      await this.#handover.offer({ kind: "damaged", reason: "wrong-size", detail, ...times, metadata, seq });
      throw new SightlineError("CAMERA_RESIZED", detail);
    }
    progress.sizeText = sizeText;
    this.#size = { widthPx, heightPx };
    await this.#handover.offer(frame);
  }

  #watchForStall(life: AbortController, progress: { readonly opened: boolean }): () => void {
    const { clock } = this.#context;
    let cancel = (): void => undefined;
    const look = (suspected: boolean): void => {
      const limitMs = progress.opened ? this.#options.stallTimeoutMs : this.#options.openTimeoutMs;
      const waitedMs = this.#waitingSince === undefined ? 0 : clock.tick() - this.#waitingSince;
      // The limit becomes the shorter one with the first frame, so no look lies further ahead than that.
      const restMs = Math.min(limitMs - waitedMs, this.#options.stallTimeoutMs);
      if (restMs > 0) cancel = clock.after(restMs, () => look(false));
      else if (!suspected) cancel = clock.after(SECOND_LOOK_MS, () => look(true));
      else {
        this.#stalls++;
        const detail = `${this.#source.name} sent nothing for ${Math.round(waitedMs)} ms; it is restarted`;
        const stall = new SightlineError("CAMERA_STALLED", detail);
        this.#lose(stall); // at once: ending a frozen program takes a while
        life.abort(stall);
      }
    };
    look(false);
    return () => cancel();
  }

  #lose(error: unknown): void {
    if (error instanceof SightlineError && error.code === "CAMERA_RESIZED") this.#resizes++;
    this.#lastError = messageOf(error);
    this.#logTrouble(this.#lastError);
    this.#event("lost");
    this.#handover.fail(error);
  }

  #end(error: unknown): void {
    if (error !== undefined) this.#lose(error);
    this.#handover.close(error);
    this.#event("ended");
  }

  #event(event: CameraEvent): void {
    this.#state = nextCameraState(this.#state, event);
    this.#logState(this.#state);
  }
}

/** Waiting briefly cannot help: somebody has to install or correct something. */
const isPermanent = (error: unknown): boolean => error instanceof SightlineError && !ERROR_CODES[error.code].retryable;

import type { Clock, MonotonicMs } from "../../platform/clock.ts";
import {
  earlierOutputRead,
  startProgram,
  type ChildProgram,
  type ProgramEnd,
  type ProgramOptions,
} from "../../platform/child-program.ts";
import { SightlineError } from "../../contracts/errors.ts";
import type { DamageReason, FrameMetadata, Image } from "../frame.ts";
import type { Exposure, Exposures } from "./frame-source.ts";
import { explainEnd } from "./camera-sentences.ts";
import type { ImageParser } from "./image-parsers.ts";

export interface ProgramFramesOptions {
  readonly program: ProgramOptions;
  readonly parser: ImageParser;
  /** For sentences, without secrets: "/dev/video0", "rtsp://***@camera-3/main". */
  readonly origin: string;
  /** What passes between exposure and the first byte here; the capture time is set that much earlier. */
  readonly deliveryDelayMs: number;
  /** True when the program's clean end is the end of the source (a file), false when it is a loss (a camera). */
  readonly mayEnd: boolean;
  readonly metadata: (frameIndex: number) => FrameMetadata;
  /**
   * The size of what the program reads, if a line of its standard error tells it. A later line with another size ends
   * the source: the program would go on with pictures scaled to the first one's.
   */
  readonly sizeIn?: (stderrLine: string) => string | undefined;
}

interface Arrived {
  readonly image: Image;
  readonly tick: MonotonicMs;
}

/** Exposures from the raw pictures a child program writes; the child is gone when the iterator is done. */
export async function* programExposures(options: ProgramFramesOptions, clock: Clock, signal: AbortSignal): Exposures {
  signal.throwIfAborted();
  const size = new SizeWatch(options);
  const program = await startProgram({ ...options.program, onStderrLine: (line) => size.note(line) });
  const stopOnAbort = (): void => void program.stop();
  signal.addEventListener("abort", stopOnAbort, { once: true });
  let count = 0;
  try {
    if (signal.aborted) stopOnAbort();
    for await (const arrived of arrivals(program, options.parser, clock, signal)) {
      await size.settled();
      if (size.change !== undefined) {
        yield damaged({ reason: "wrong-size", detail: size.change.detail, tick: arrived.tick }, options, count, clock);
        throw size.change;
      }
      yield frameOf(arrived, options, count++, clock);
    }
    signal.throwIfAborted();
    const torn = options.parser.unfinished();
    if (torn !== undefined) {
      const detail = `${options.origin} broke off within a picture: ${torn} arrived`;
      yield damaged({ reason: "torn", detail, tick: clock.tick() }, options, count, clock);
    }
    const end = await endOf(program, clock);
    signal.throwIfAborted();
    if (options.mayEnd && end.exitCode === 0) return;
    throw explainEnd(options.origin, program.stderrTail(), describeEnd(end), count > 0);
  } finally {
    signal.removeEventListener("abort", stopOnAbort);
    await program.stop();
  }
}

/**
 * At most one finished picture waits here; meanwhile the pipe is not read, so that the program is held back.
 */
async function* arrivals(
  program: ChildProgram,
  parser: ImageParser,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Arrived, void, void> {
  const waiting: Arrived[] = [];
  let failure: Error | undefined;
  let closed = false;
  let wake = (): void => undefined;
  const close = (): void => {
    closed = true;
    wake();
  };
  program.output.on("data", (chunk: Buffer) => {
    try {
      parser.push(chunk, clock.tick(), (image, tick) => void waiting.push({ image, tick }));
    } catch (error) {
      failure = error as Error; // the parsers throw SightlineError
      close();
    }
    if (waiting.length === 0) return;
    program.output.pause();
    wake();
  });
  program.output.once("close", close);
  program.output.once("end", close);
  signal.addEventListener("abort", close, { once: true });
  try {
    for (;;) {
      const next = waiting.shift();
      if (signal.aborted) return;
      if (next !== undefined) {
        yield next;
        continue;
      }
      if (failure !== undefined) throw failure;
      if (closed) return;
      const arrived = new Promise<void>((resolve) => (wake = resolve));
      program.output.resume();
      await arrived;
    }
  } finally {
    signal.removeEventListener("abort", close);
  }
}

function frameOf(arrived: Arrived, options: ProgramFramesOptions, frameIndex: number, clock: Clock): Exposure {
  const { image } = arrived;
  return { kind: "frame", image, ...timesOf(arrived.tick, options, clock), metadata: options.metadata(frameIndex) };
}

interface Damage {
  readonly reason: DamageReason;
  readonly detail: string;
  readonly tick: MonotonicMs;
}

function damaged(damage: Damage, options: ProgramFramesOptions, frameIndex: number, clock: Clock): Exposure {
  const { reason, detail, tick } = damage;
  const metadata = options.metadata(frameIndex);
  return { kind: "damaged", reason, detail, ...timesOf(tick, options, clock), metadata };
}

/** Compares the sizes the program reports while it runs. */
class SizeWatch {
  readonly #options: ProgramFramesOptions;
  #size: string | undefined;
  change: SightlineError | undefined;

  constructor(options: ProgramFramesOptions) {
    this.#options = options;
  }

  note(stderrLine: string): void {
    const size = this.#options.sizeIn?.(stderrLine);
    if (size === undefined) return;
    this.#size ??= size;
    if (size === this.#size || this.change !== undefined) return;
    const detail = `${this.#options.origin} changed from ${this.#size} to ${size} px; it is restarted`;
    this.change = new SightlineError("CAMERA_RESIZED", detail);
  }

  /** The program reports a size before it writes the picture, but on another descriptor. */
  async settled(): Promise<void> {
    if (this.#options.sizeIn !== undefined) await earlierOutputRead();
  }
}

type CaptureTimes = Pick<Exposure, "capturedAt" | "capturedTick">;

function timesOf(arrivedTick: MonotonicMs, options: ProgramFramesOptions, clock: Clock): CaptureTimes {
  const capturedTick = (arrivedTick - options.deliveryDelayMs) as MonotonicMs; // arithmetic loses the brand
  const capturedAt = (clock.wallNow() - (clock.tick() - capturedTick)) as Exposure["capturedAt"];
  return { capturedAt, capturedTick };
}

/** A program that has closed its output has nothing more to say: it gets a second to leave by itself. */
async function endOf(program: ChildProgram, clock: Clock): Promise<ProgramEnd> {
  const cancel = clock.after(1000, () => void program.stop());
  const end = await program.ended;
  cancel();
  return end;
}

function describeEnd({ exitCode, signal }: ProgramEnd): string {
  return `the capture program ${signal === null ? `ended with code ${String(exitCode)}` : `was ended by ${signal}`}`;
}

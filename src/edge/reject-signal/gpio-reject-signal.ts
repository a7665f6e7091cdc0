import type { Verdict } from "../../contracts/verdict.ts";
import { onChange } from "../../platform/logger.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";
import type { RejectSignalConfig } from "../device-config.ts";
import { findGpioset, offCommand, pulseCommand, runCommand, type Gpioset, type RunningCommand } from "./gpioset.ts";
import { PassPulse } from "./pass-pulse.ts";
import type { RejectSignal, RejectSignalParts, RejectSignalStatus } from "./reject-signal.ts";

type GpioRejectConfig = Extract<RejectSignalConfig, { type: "gpio" }>;

const RETRY: RetryPolicy = { firstMs: 200, maxMs: 5_000, jitter: 0.3 };

/**
 * A GPIO line, energised for a pass only, through the program gpioset of libgpiod: one process for each pulse, which
 * ends the pulse by itself. Needs an external pull-down, for nobody holds the line between two pulses. Starting the
 * process takes some milliseconds: where that matters, use Modbus. Tried with a fake gpioset only, not on hardware.
 */
export class GpioRejectSignal implements RejectSignal {
  readonly name = "reject signal";
  readonly #config: GpioRejectConfig;
  readonly #parts: RejectSignalParts;
  readonly #pulse: PassPulse;
  readonly #report: (sentence: string | null) => void;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;
  #command: RunningCommand | undefined;
  #sentence: string | null = "the GPIO line was not switched yet";
  #lateWriteCount = 0;
  #restartCount = 0;
  /** Rises with each verdict: tells whether the pulse on the line is still the wanted one. */
  #generation = 0;

  constructor(config: GpioRejectConfig, parts: RejectSignalParts) {
    this.#config = config;
    this.#parts = parts;
    this.#pulse = new PassPulse(config.pulseMs);
    const { log } = parts;
    this.#report = onChange<string | null>((now) => {
      if (now === null) log.info({ line: this.#line }, "the reject signal works");
      else log.error({ line: this.#line, error: now }, "the reject signal is down, every part is rejected");
    });
  }

  async start(): Promise<void> {
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the reject signal is being stopped"));
    this.#command?.kill();
    this.#wake();
    await this.#running;
  }

  signal(verdict: Verdict, inOrder: boolean): void {
    this.#generation++;
    this.#pulse.decided(verdict.verdict, inOrder, this.#parts.clock.tick());
    this.#command?.kill(); // a pulse that still stands ends early
    this.#wake();
  }

  status(): RejectSignalStatus {
    this.#pulse.isDue(this.#parts.clock.tick()); // counts a pass whose time has run out
    return {
      type: "gpio",
      connected: this.#sentence === null,
      sentence: this.#sentence,
      passCount: this.#pulse.passCount,
      missedPassCount: this.#pulse.missedCount,
      overlapCount: this.#pulse.overlapCount,
      lateWriteCount: this.#lateWriteCount,
      restartCount: this.#restartCount,
    };
  }

  get #line(): string {
    return `${this.#config.chip} line ${this.#config.passLine}`;
  }

  async #run(stopping: AbortSignal): Promise<void> {
    for (let attempt = 0; !stopping.aborted; attempt++) {
      const gpioset = await findGpioset();
      const failure = typeof gpioset === "string" ? gpioset : await this.#serve(gpioset, stopping, () => (attempt = 0));
      if (stopping.aborted) return;
      this.#settle(`${this.#line}: ${failure}; every part is rejected`);
      this.#restartCount++;
      const waitMs = retryDelayMs(RETRY, attempt, this.#parts.random);
      await this.#parts.clock.sleep(waitMs, stopping).catch(() => undefined); // rejects only when stopping
    }
  }

  /** Switches off, then shows pass after pass; resolves with what went wrong. */
  async #serve(gpioset: Gpioset, stopping: AbortSignal, onWorking: () => void): Promise<string | null> {
    const { chip, passLine, pulseMs } = this.#config;
    const off = offCommand(gpioset, chip, passLine);
    for (;;) {
      const failure = await runCommand(off, () => undefined).ended;
      if (failure !== null || stopping.aborted) return failure;
      this.#settle(null);
      onWorking();
      await this.#untilPass(stopping);
      const remainingMs = Math.ceil(this.#pulse.remainingMs(this.#parts.clock.tick()));
      if (stopping.aborted || remainingMs === 0) continue;
      const pulseFailure = await this.#showPass(pulseCommand(gpioset, chip, passLine, remainingMs), pulseMs);
      if (pulseFailure !== null) {
        await runCommand(off, () => undefined).ended;
        return pulseFailure;
      }
    }
  }

  async #showPass(words: readonly string[], pulseMs: number): Promise<string | null> {
    const { clock } = this.#parts;
    const generation = this.#generation;
    const startedTick = clock.tick();
    this.#command = runCommand(words, () => {
      if (generation === this.#generation) this.#pulse.showed(clock.tick());
    });
    const failure = await this.#command.ended;
    this.#command = undefined;
    if (clock.tick() - startedTick > 2 * pulseMs) this.#lateWriteCount++;
    const cutShort = generation !== this.#generation || this.#stopping.signal.aborted;
    return cutShort ? null : failure;
  }

  #settle(sentence: string | null): void {
    this.#sentence = sentence;
    this.#report(sentence);
  }

  #untilPass(stopping: AbortSignal): Promise<void> {
    if (stopping.aborted || this.#pulse.isDue(this.#parts.clock.tick())) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

import { messageOf } from "../../contracts/errors.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import type { MonotonicMs } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import { retryDelayMs, type RetryPolicy } from "../../platform/retry.ts";
import type { RejectSignalConfig } from "../device-config.ts";
import { openModbusLink, type ModbusLink, type ModbusLinkOptions } from "./modbus-link.ts";
import { PassPulse } from "./pass-pulse.ts";
import type { RejectSignal, RejectSignalParts, RejectSignalStatus } from "./reject-signal.ts";

type ModbusRejectConfig = Extract<RejectSignalConfig, { type: "modbus" }>;

/** Every part is rejected while there is no connection: come back soon. */
const RECONNECT: RetryPolicy = { firstMs: 100, maxMs: 5_000, jitter: 0.3 };
const CONNECT_TIMEOUT_MS = 3_000;
const MIN_ANSWER_TIMEOUT_MS = 250;
/** The heartbeat coil changes so often; without one the pass coil is written again: that feeds the watchdog. */
const HEARTBEAT_EVERY_MS = 500;

/**
 * A coil of Modbus TCP remote I/O, energised for a pass only. One write is in flight at a time and each write takes
 * what is wanted at that moment, so that late writes never queue up. When the connection breaks while the coil is
 * energised, only the coupler's own watchdog can let it fall: it must be switched on there (docs/reject-signal.md).
 */
export class ModbusRejectSignal implements RejectSignal {
  readonly name = "reject signal";
  readonly #config: ModbusRejectConfig;
  readonly #parts: RejectSignalParts;
  readonly #log: Logger;
  readonly #pulse: PassPulse;
  readonly #report: (sentence: string | null) => void;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;
  #connected = false;
  #sentence: string | null = null;
  #lateWriteCount = 0;
  #restartCount = 0;
  #heartbeat = false;

  constructor(config: ModbusRejectConfig, parts: RejectSignalParts) {
    this.#config = config;
    this.#parts = parts;
    this.#log = parts.log;
    this.#pulse = new PassPulse(config.pulseMs);
    this.#report = onChange<string | null>((now) => {
      if (now === null) this.#log.info({ io: this.#address }, "the reject signal is connected");
      else this.#log.error({ io: this.#address, error: now }, "the reject signal is down, every part is rejected");
    });
  }

  async start(): Promise<void> {
    this.#sentence = `remote I/O ${this.#address} is not connected yet; every part is rejected meanwhile`;
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the reject signal is being stopped"));
    this.#wake();
    await this.#running;
  }

  signal(verdict: Verdict, inOrder: boolean): void {
    this.#pulse.decided(verdict.verdict, inOrder, this.#parts.clock.tick());
    this.#wake();
  }

  status(): RejectSignalStatus {
    this.#pulse.isDue(this.#parts.clock.tick()); // counts a pass whose time has run out
    return {
      type: "modbus",
      connected: this.#connected,
      sentence: this.#sentence,
      passCount: this.#pulse.passCount,
      missedPassCount: this.#pulse.missedCount,
      overlapCount: this.#pulse.overlapCount,
      lateWriteCount: this.#lateWriteCount,
      restartCount: this.#restartCount,
    };
  }

  get #address(): string {
    return `${this.#config.host}:${this.#config.port} unit ${this.#config.unit}`;
  }

  async #run(stopping: AbortSignal): Promise<void> {
    for (let attempt = 0; !stopping.aborted; attempt++) {
      try {
        await this.#connectAndServe(stopping, () => (attempt = 0));
      } catch (error) {
        if (!stopping.aborted) this.#down(messageOf(error));
      }
      if (stopping.aborted) return;
      this.#restartCount++;
      const waitMs = retryDelayMs(RECONNECT, attempt, this.#parts.random);
      await this.#parts.clock.sleep(waitMs, stopping).catch(() => undefined); // rejects only when stopping
    }
  }

  #down(reason: string): void {
    const remedy = "every part is rejected: check its power, cable and address";
    this.#sentence = `remote I/O ${this.#address}: ${reason}; ${remedy}`;
    this.#report(this.#sentence);
  }

  async #connectAndServe(stopping: AbortSignal, onConnected: () => void): Promise<void> {
    const lost = new AbortController();
    const { host, port, unit, pulseMs } = this.#config;
    const options = {
      host,
      port,
      unit,
      answerTimeoutMs: Math.max(MIN_ANSWER_TIMEOUT_MS, pulseMs),
      onClosed: () => {
        lost.abort(new Error("the connection was closed by the other side"));
        this.#wake();
      },
    };
    const link = await this.#open(options, stopping);
    try {
      await this.#write(link, this.#config.passCoil, false); // what stands there is of an earlier connection
      this.#connected = true;
      this.#sentence = null;
      this.#report(null);
      onConnected();
      await this.#serve(link, stopping, lost.signal);
    } finally {
      this.#connected = false;
      if (stopping.aborted && !lost.signal.aborted) await this.#deEnergise(link);
      link.destroy();
    }
  }

  async #open(options: ModbusLinkOptions, stopping: AbortSignal): Promise<ModbusLink> {
    const tooLong = new AbortController();
    const reason = new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`);
    const cancel = this.#parts.clock.after(CONNECT_TIMEOUT_MS, () => tooLong.abort(reason));
    return openModbusLink(options, AbortSignal.any([stopping, tooLong.signal])).finally(cancel);
  }

  /** Brings the coil to what is wanted now, beats, and sleeps until either changes. */
  async #serve(link: ModbusLink, stopping: AbortSignal, lost: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    let energised = false;
    let beatTick = clock.tick();
    while (!stopping.aborted) {
      lost.throwIfAborted();
      const now = clock.tick();
      const wanted = this.#pulse.isDue(now);
      if (wanted !== energised) {
        energised = wanted;
        await this.#write(link, this.#config.passCoil, wanted);
        if (wanted) this.#pulse.showed(clock.tick());
      } else if (now >= beatTick) {
        beatTick = (now + HEARTBEAT_EVERY_MS) as MonotonicMs;
        await this.#beat(link, energised);
      } else {
        if (wanted) this.#pulse.showed(now); // two passes in one pulse
        await this.#untilWoken(Math.min(beatTick - now, wanted ? this.#pulse.remainingMs(now) : Infinity));
      }
    }
  }

  async #beat(link: ModbusLink, energised: boolean): Promise<void> {
    const { heartbeatCoil, passCoil } = this.#config;
    if (heartbeatCoil !== undefined && this.#parts.isDeciding()) {
      this.#heartbeat = !this.#heartbeat;
      await this.#write(link, heartbeatCoil, this.#heartbeat);
    } else {
      await this.#write(link, passCoil, energised);
    }
  }

  async #write(link: ModbusLink, coil: number, on: boolean): Promise<void> {
    const startedTick = this.#parts.clock.tick();
    const countIfLate = (): void => {
      const tookMs = Math.round(this.#parts.clock.tick() - startedTick);
      if (tookMs <= this.#config.pulseMs) return;
      this.#lateWriteCount++;
      this.#log.warn(
        { coil, tookMs, pulseMs: this.#config.pulseMs },
        "a write to the remote I/O took longer than a pulse",
      );
    };
    await link.writeCoil(coil, on).finally(countIfLate);
  }

  async #deEnergise(link: ModbusLink): Promise<void> {
    try {
      await this.#write(link, this.#config.passCoil, false);
    } catch (error) {
      this.#log.error(
        { error: messageOf(error) },
        "the pass coil could not be switched off; the remote I/O's watchdog must",
      );
    }
  }

  #untilWoken(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(Math.max(1, ms), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

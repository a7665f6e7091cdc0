import type { CapturedFrame } from "../pipeline/frame.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Service } from "../platform/services.ts";
import type { AcceptedTrigger, IncomingTrigger } from "./line.ts";
import { runFreely } from "./triggers/free-running.ts";

export interface TriggerIntakeParts {
  readonly mode: "free" | "external";
  readonly live: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  frames(signal: AbortSignal): AsyncIterable<CapturedFrame>;
  accept(trigger: IncomingTrigger): AcceptedTrigger;
  room(signal: AbortSignal): Promise<void>;
  /** Parts accepted and not yet decided. */
  pending(): number;
  /** Called when a source that ends has ended and its last part is decided. */
  onEnd(): void;
}

const DRAIN_LOOK_MS = 5;

/** Started last, stopped first: free-running frames become triggers here. Stopping waits for the parts in flight. */
export class TriggerIntake implements Service {
  readonly name = "triggers";
  readonly #parts: TriggerIntakeParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: TriggerIntakeParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    if (this.#parts.mode === "free") this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#drained();
  }

  async #run(): Promise<void> {
    try {
      await runFreely(this.#parts, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      await this.#drained();
      this.#parts.onEnd();
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#parts.log.error({ error }, "the frames ended with an error");
    }
  }

  /** Every part has a deadline, so this ends. */
  async #drained(): Promise<void> {
    while (this.#parts.pending() > 0) await this.#parts.clock.sleep(DRAIN_LOOK_MS);
  }
}

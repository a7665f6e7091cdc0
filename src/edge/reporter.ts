import type { DeviceState } from "../contracts/device-state.ts";
import type { Clock } from "../platform/clock.ts";
import { onChange, type Logger } from "../platform/logger.ts";
import type { Service } from "../platform/services.ts";
import type { DeviceCondition } from "./device-condition.ts";

const LOOK_EVERY_MS = 500;
const HEALTH_EVERY_MS = 5000;

export interface ReporterParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly condition: () => DeviceCondition;
  readonly running: () => Pick<DeviceState, "recipe" | "model" | "provider" | "release">;
  readonly publishState: (state: Omit<DeviceState, "schema" | "device" | "bootSeq" | "at">) => void;
  readonly publishHealth: () => void;
}

/** Publishes the device's state when it changes and its health every few seconds; logs every change of state. */
export class Reporter implements Service {
  readonly name = "reporter";
  readonly #parts: ReporterParts;
  readonly #stopping = new AbortController();
  readonly #onState: (fingerprint: string) => void;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    const log = parts.log.child({ component: "state" });
    this.#onState = onChange<string>(() => {
      const { state, problems } = parts.condition();
      const sentences = problems.map(({ sentence }) => sentence);
      if (problems.length === 0) log.info({ state }, "device state");
      else log.warn({ state, problems: sentences }, "device state");
      parts.publishState({ state, ...parts.running(), problems });
    });
  }

  async start(): Promise<void> {
    this.#look();
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stopping;
    let healthDueTick: number = clock.tick();
    while (!signal.aborted) {
      this.#look();
      if (clock.tick() >= healthDueTick) {
        this.#parts.publishHealth();
        healthDueTick = clock.tick() + HEALTH_EVERY_MS;
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined); // rejects only when aborted: the loop ends
    }
  }

  #look(): void {
    const { condition, running } = this.#parts;
    this.#onState(JSON.stringify([condition(), running()]));
  }
}

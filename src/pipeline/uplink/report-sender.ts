import type { Clock } from "../../platform/clock.ts";
import type { HubLink } from "./hub-link.ts";

const LOOK_AGAIN_MS = 2000;
/** So often at most: a report says what is so now, and what was so in between nobody misses. */
const EVERY_MS = 5000;

/** Puts the device's reports to the hub: the newest of each path, once, when the hub can be asked. */
export class ReportSender {
  readonly #with: { readonly link: HubLink; readonly clock: Clock };
  readonly #stopping = new AbortController();
  readonly #waiting = new Map<string, string>();
  #wake = (): void => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: { readonly link: HubLink; readonly clock: Clock }) {
    this.#with = parts;
  }

  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  /** `json` takes the place of one that waits there. */
  send(path: string, json: string): void {
    this.#waiting.set(path, json);
    this.#wake();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { link, clock } = this.#with;
    while (!signal.aborted) {
      if (this.#waiting.size === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      if (signal.aborted) return;
      const waitMs = await link.waitMs();
      if (waitMs === 0) await this.#sendAll(signal).catch(() => undefined); // rejects only when aborted
      await clock.sleep(waitMs > 0 ? LOOK_AGAIN_MS : EVERY_MS, signal).catch(() => undefined);
    }
  }

  /** What the hub declines is not offered again: the next report will be another. */
  async #sendAll(signal: AbortSignal): Promise<void> {
    for (const [path, body] of this.#waiting) {
      const headers = { "content-type": "application/json" };
      const answer = await this.#with.link.askWhether({ method: "PUT", path, headers, body, signal });
      if (answer.kind === "away" || answer.kind === "unauthorised") return;
      if (this.#waiting.get(path) === body) this.#waiting.delete(path);
    }
  }
}

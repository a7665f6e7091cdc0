import type { Clock } from "../../platform/clock.ts";

/** Wakes a loop that sleeps. A ring while nobody sleeps is kept for the next who does. */
export class Bell {
  #rung = false;
  #wake: () => void = () => undefined;

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Resolves at the ring, after `ms` or when `signal` aborts; never rejects. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          cancel();
          signal.removeEventListener("abort", go);
          resolve();
        };
        const cancel = clock.after(ms, go);
        this.#wake = go;
        signal.addEventListener("abort", go, { once: true });
      });
    }
    this.#rung = false;
  }
}

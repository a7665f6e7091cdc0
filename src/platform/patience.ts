import type { Clock } from "./clock.ts";

/** Resolves when `promise` settles or after `ms`, whichever comes first; leaves no timer that keeps the process. */
export function settledWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    const settle = (): void => {
      cancel();
      resolve();
    };
    promise.then(settle, settle);
  });
}

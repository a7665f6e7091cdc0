/** Rejects with the signal's reason once it aborts, for a race against work that cannot be interrupted. */
export function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** What `work` gives, unless `signal` aborts first: then its reason, and nobody waits for the work any more. */
export const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> =>
  signal === undefined ? work : Promise.race([work, rejectOnAbort(signal)]);

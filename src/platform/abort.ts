/** Cancelled is neither success nor failure: decide it first, and rethrow. */
export function rethrowIfAborted(error: unknown, signal: AbortSignal): void {
  if (signal.aborted) throw error;
}

/** Rejects with the signal's reason once it aborts, for a race against work that cannot be interrupted. */
export function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export interface RetryPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Share of the delay that is random, 0 to 1: keeps a fleet from coming back all at once. */
  readonly jitter: number;
}

/** Exponential back-off: `attempt` counts from 0. */
export const retryDelayMs = (policy: RetryPolicy, attempt: number, random: () => number): number =>
  Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt, 40)) * (1 + policy.jitter * (random() - 0.5));

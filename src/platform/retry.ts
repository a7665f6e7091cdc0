import type { Clock } from "./clock.ts";
import { rethrowIfAborted } from "./abort.ts";

export interface RetryPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Share of the delay that is random, 0 to 1: keeps a fleet from coming back all at once. */
  readonly jitter: number;
}

/** Exponential back-off: `attempt` counts from 0. */
export const retryDelayMs = (policy: RetryPolicy, attempt: number, random: () => number): number =>
  Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt, 40)) * (1 + policy.jitter * (random() - 0.5));

export interface RetryContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly random: () => number;
  isRetryable(error: unknown): boolean;
}

export async function withRetry<T>(policy: RetryPolicy, context: RetryContext, action: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      rethrowIfAborted(error, context.signal);
      if (!context.isRetryable(error)) throw error;
      await context.clock.sleep(retryDelayMs(policy, attempt, context.random), context.signal);
    }
  }
}

import { setTimeout as sleepTimer } from "node:timers/promises";

/** Milliseconds since an arbitrary start; never jumps. For deadlines and latencies. */
export type MonotonicMs = number & { readonly __unit: "monotonic-ms" };
/** Milliseconds since 1970 UTC; may jump when the clock is set. For people and the hub. */
export type WallClockMs = number & { readonly __unit: "wall-clock-ms" };

export interface Clock {
  wallNow(): WallClockMs;
  tick(): MonotonicMs;
  /** Rejects with `signal.reason` when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `action` once after `ms`; the returned function cancels it. */
  after(ms: number, action: () => void): () => void;
}

export const systemClock: Clock = {
  wallNow: () => Date.now() as WallClockMs,
  tick: () => performance.now() as MonotonicMs,
  sleep: async (ms, signal) => {
    try {
      await sleepTimer(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

export const toIso = (at: WallClockMs): string => new Date(at).toISOString();

import type { FrameSource } from "../pipeline/capture/frame-source.ts";
import type { Verdict } from "../contracts/verdict.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";

/** What a device takes from its process, and what tests and benchmarks put in its place. */
export interface DeviceParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 to 1, for the jitter of retries. */
  readonly random: () => number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends a start that is under way (models load for minutes): `startDevice` stops what is up and rejects. */
  readonly stop?: AbortSignal;
  /** Instead of the configured camera: benchmarks and tests feed frames from memory. */
  readonly source?: FrameSource;
  /** Called for each verdict at its decision, in order. */
  readonly onVerdict?: (verdict: Verdict) => void;
  /** Called when a source that ends (a folder read once) has ended and its last part is decided. */
  readonly onEnd?: () => void;
}

import { availableParallelism } from "node:os";
import type { InferenceEngine } from "../pipeline/infer/inference-engine.ts";
import { ProcessEngine } from "../pipeline/infer/process-engine.ts";
import { preprocess } from "../pipeline/preprocess/preprocess.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { DeviceConfig } from "./device-config.ts";

/** More processes than this compete for memory bandwidth rather than share the work. */
const MOST_PROCESSES = 4;
/** One inference runs, one waits beside it, so that a process never idles while its next input is on the way. */
const IN_FLIGHT_PER_PROCESS = 2;
/** Once for requests in flight, once for the processes to end. */
const STOP_GRACE_MS = 1500;

export interface EngineChoice {
  readonly provider: DeviceConfig["inference"]["provider"];
  readonly processes?: number | undefined;
  readonly threadsPerProcess?: number;
  readonly hangTimeoutMs?: number;
  readonly loadTimeoutMs?: number;
  /** How long what is in flight may take when the engine stops, ms. */
  readonly stopGraceMs?: number;
  /** 0 to 19: how far it steps back for others. */
  readonly niceness?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** As configured, or one for each core that is left to it. */
export const inferenceProcesses = ({
  processes,
  threadsPerProcess = 1,
}: Pick<EngineChoice, "processes" | "threadsPerProcess">): number =>
  processes ?? Math.max(1, Math.min(MOST_PROCESSES, Math.floor(availableParallelism() / threadsPerProcess)));

/** Inferences that may be under way at once. */
export const inferenceSlots = (choice: Pick<EngineChoice, "processes" | "threadsPerProcess">): number =>
  inferenceProcesses(choice) * IN_FLIGHT_PER_PROCESS;

/** Many one-thread sessions beat one session with many threads: no barrier between the layers of a small network. */
export function openEngine(choice: EngineChoice): InferenceEngine {
  const { provider, threadsPerProcess = 1, hangTimeoutMs, loadTimeoutMs, clock, log } = choice;
  const { stopGraceMs = STOP_GRACE_MS, niceness = 0 } = choice;
  return new ProcessEngine(
    {
      provider,
      processes: inferenceProcesses(choice),
      threadsPerProcess,
      ...{ stopGraceMs, niceness },
      ...(hangTimeoutMs === undefined ? {} : { hangTimeoutMs }),
      ...(loadTimeoutMs === undefined ? {} : { loadTimeoutMs }),
    },
    { clock, log, preprocess },
  );
}

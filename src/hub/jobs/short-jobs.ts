import type { Service } from "../../platform/services.ts";

export type ShortJobPayload = Readonly<Record<string, unknown>>;

export interface ShortJobTime {
  /** A job of this kind and key that still waits is enough: no second one is queued. Absent: every job is one of its own. */
  readonly key?: string;
  /** Not before so many ms have passed; whole seconds with PostgreSQL. 0 unless told. */
  readonly afterMs?: number;
}

/** Run again where it throws: it must be harmless to do twice. */
export type ShortJobHandler = (payload: ShortJobPayload) => Promise<void>;

/**
 * Work of seconds that a request need not wait for. With PostgreSQL it is kept, shared among
 * hub processes and survives them; with SQLite it lives in the process, so that it must be something that can be asked for
 * again. Every kind is run by one handler; a failure is tried again, with growing pauses, so many times.
 */
export interface ShortJobs extends Service {
  /** When it resolves the job is in the queue. */
  send(kind: string, payload: ShortJobPayload, when?: ShortJobTime): Promise<void>;
}

export interface ShortJobOptions {
  readonly handlers: Readonly<Record<string, ShortJobHandler>>;
  readonly mostRetries: number;
  readonly firstPauseMs: number;
  /** A job that failed for good, or a queue that is out of reach. */
  onFault(kind: string, error: unknown): void;
}

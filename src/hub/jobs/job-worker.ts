import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Job, Lease } from "./job.ts";
import type { LeaseTable } from "./lease-table.ts";

/** What a job may do while it runs. */
export interface JobRun {
  readonly job: Job;
  /** The lease's: what is written under an older one is refused. */
  readonly token: number;
  /** Aborts when the job is cancelled, was taken away, or the hub shuts down. */
  readonly signal: AbortSignal;
  /** progress: 0 to 1; shown to people. Cheap: written with the next heartbeat. */
  report(progress: number, message: string): void;
}

/** Returns the result, JSON. To be resumable it keeps its own checkpoints, under the job's id. */
export type JobHandler = (run: JobRun) => Promise<unknown>;

export interface JobWorkerParts {
  readonly name: string;
  readonly table: LeaseTable;
  readonly clock: Clock;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  readonly pollMs: number;
  /** Well below the lease, so that a beat may be late. */
  readonly heartbeatMs: number;
  /** Something that is not the job's own failure, such as a database that is away. */
  onFault(error: unknown): void;
}

/** Reason of a run's signal when a person cancelled it: a handler may still return what it has. */
export const CANCELLED = new Error("cancelled");
const STOPPED = new Error("the hub is shutting down");

/** Takes one job after the other from the table. Unfinished work goes back to the table at `stop`. */
export class JobWorker {
  readonly name = "jobs";
  readonly #parts: JobWorkerParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: JobWorkerParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(STOPPED);
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { table, clock, handlers, name, pollMs, onFault } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const lease = await table.claim(name, Object.keys(handlers));
        if (lease !== null) {
          await this.#work(lease);
          continue;
        }
      } catch (error) {
        onFault(error);
      }
      await clock.sleep(pollMs, signal).catch(() => undefined); // rejects only when stopping
    }
  }

  async #work(lease: Lease): Promise<void> {
    const { table, handlers } = this.#parts;
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.#stopping.signal]);
    const news = { progress: lease.job.progress, message: lease.job.message };
    const report = (progress: number, message: string): void => void Object.assign(news, { progress, message });
    const done = new AbortController();
    const beating = this.#beat(lease, news, ending, done.signal);
    const handler = handlers[lease.job.kind];
    try {
      if (handler === undefined) throw new Error(`nobody here knows jobs of kind "${lease.job.kind}"`);
      const result = await handler({ job: lease.job, token: lease.token, signal, report });
      // What was made before a cancel, or because of it, is kept.
      const { message } = news;
      await table.finish(
        lease,
        signal.reason === CANCELLED ? { state: "cancelled", message, result } : { state: "done", result, message },
      );
    } catch (error) {
      await this.#end(lease, error, signal);
    } finally {
      done.abort();
      await beating;
    }
  }

  async #end(lease: Lease, error: unknown, signal: AbortSignal): Promise<void> {
    const { table } = this.#parts;
    if (isLost(error) || isLost(signal.reason)) return;
    if (signal.reason === STOPPED) return table.release(lease);
    const cancelled = signal.reason === CANCELLED;
    await table.finish(lease, {
      state: cancelled ? "cancelled" : "failed",
      message: cancelled ? "cancelled" : messageOf(error),
    });
  }

  async #beat(
    lease: Lease,
    news: { progress: number; message: string },
    ending: AbortController,
    done: AbortSignal,
  ): Promise<void> {
    const { table, clock, heartbeatMs, onFault } = this.#parts;
    while (!done.aborted) {
      await clock.sleep(heartbeatMs, done).catch(() => undefined); // rejects only when done
      if (done.aborted) return;
      try {
        if ((await table.heartbeat(lease, news)) === "cancel") ending.abort(CANCELLED);
      } catch (error) {
        if (isLost(error)) return ending.abort(error);
        onFault(error); // the lease may hold until the next beat
      }
    }
  }
}

const isLost = (error: unknown): boolean => error instanceof SightlineError && error.code === "JOB_LOST";

import { SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { uuidv7 } from "../../platform/uuid.ts";
import type { Database } from "../store/database.ts";
import { type Job, type JobState, jobOf, type Lease } from "./job.ts";

export interface NewJob {
  readonly kind: string;
  readonly project: string;
  /** JSON. */
  readonly payload: unknown;
  readonly by: string;
}

export interface LeaseOptions {
  /** How long a worker may be silent before another takes its job. */
  readonly leaseMs: number;
  /** A job that lost so many workers failed. */
  readonly mostAttempts: number;
}

export const LEASE_OPTIONS: LeaseOptions = { leaseMs: 60_000, mostAttempts: 5 };

/**
 * Long jobs, in a table that all hub processes share. A worker claims a job for a while and says that it lives
 * (`heartbeat`); where it falls silent, another resumes the job with a higher fencing token, and what the first one writes
 * afterwards is refused (Kleppmann, "How to do distributed locking", 2016).
 */
export class LeaseTable {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #options: LeaseOptions;

  constructor(database: Database, clock: Clock, options: LeaseOptions = LEASE_OPTIONS) {
    this.#database = database;
    this.#clock = clock;
    this.#options = options;
  }

  async add({ kind, project, payload, by }: NewJob): Promise<Job> {
    const now = this.#clock.wallNow();
    const row = await this.#database.query
      .insertInto("jobs")
      .values({
        id: uuidv7(now),
        kind,
        project_id: project,
        state: "queued" satisfies JobState,
        payload_json: JSON.stringify(payload),
        result_json: null,
        lease_owner: null,
        lease_until: null,
        created_by: by,
        created_at: now,
        finished_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return jobOf(row);
  }

  async job(id: string): Promise<Job | null> {
    const row = await this.#database.query.selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? null : jobOf(row);
  }

  /** Newest first. */
  async list(project: string, limit: number): Promise<Job[]> {
    const rows = await this.#database.query
      .selectFrom("jobs")
      .selectAll()
      .where("project_id", "=", project)
      .orderBy("created_at", "desc")
      .orderBy("id", "desc")
      .limit(limit)
      .execute();
    return rows.map(jobOf);
  }

  /** The oldest job of these kinds that nobody works on, or whose worker fell silent; null: none. */
  async claim(owner: string, kinds: readonly string[]): Promise<Lease | null> {
    if (kinds.length === 0) return null;
    const now = this.#clock.wallNow();
    return this.#database.query
      .transaction()
      .execute(async (transaction) => {
        const open = transaction
          .selectFrom("jobs")
          .selectAll()
          .where("kind", "in", kinds)
          .where((when) =>
            when.or([
              when("state", "=", "queued"),
              when.and([when("state", "=", "running"), when("lease_until", "<", now)]),
            ]),
          )
          .orderBy("created_at")
          .orderBy("id")
          .limit(1);
        // SQLite has one writer at a time; PostgreSQL's other workers take the next job.
        const row = await (
          this.#database.engine === "postgres" ? open.forUpdate().skipLocked() : open
        ).executeTakeFirst();
        if (row === undefined) return null;
        const end = endOfLost(jobOf(row), this.#options.mostAttempts);
        if (end !== null) {
          const ended = { ...end, lease_owner: null, lease_until: null, finished_at: now };
          await transaction.updateTable("jobs").set(ended).where("id", "=", row.id).execute();
          return "again" as const;
        }
        const claimed = await transaction
          .updateTable("jobs")
          .set({
            state: "running" satisfies JobState,
            lease_owner: owner,
            lease_until: now + this.#options.leaseMs,
            fencing_token: row.fencing_token + 1,
            attempts: row.attempts + 1,
          })
          .where("id", "=", row.id)
          .returningAll()
          .executeTakeFirstOrThrow();
        return { job: jobOf(claimed), owner, token: claimed.fencing_token };
      })
      .then((claimed) => (claimed === "again" ? this.claim(owner, kinds) : claimed));
  }

  /** Keeps the lease; tells whether somebody asked to cancel. Throws SightlineError JOB_LOST where another has the job. */
  async heartbeat(
    lease: Lease,
    { progress, message }: { progress: number; message: string },
  ): Promise<"go on" | "cancel"> {
    const { cancel_requested } = await this.#write(lease, {
      lease_until: this.#clock.wallNow() + this.#options.leaseMs,
      progress,
      message,
    });
    return cancel_requested === 1 ? "cancel" : "go on";
  }

  /** Ends the job. Throws SightlineError JOB_LOST where another has it: then nothing of the result may be used. */
  async finish(
    lease: Lease,
    end:
      | { readonly state: "done"; readonly result: unknown; readonly message?: string }
      | { readonly state: "failed" | "cancelled"; readonly message: string; readonly result?: unknown },
  ): Promise<void> {
    await this.#write(lease, {
      state: end.state,
      lease_owner: null,
      lease_until: null,
      finished_at: this.#clock.wallNow(),
      ...(end.state === "done" ? { progress: 1 } : {}),
      ...(end.result === undefined ? {} : { result_json: JSON.stringify(end.result) }),
      ...(end.message === undefined ? {} : { message: end.message }),
    });
  }

  /** Gives the job back unfinished, as at a shutdown: the next worker resumes it, and it is not counted as an attempt. */
  async release(lease: Lease): Promise<void> {
    await this.#write(lease, {
      state: "queued",
      lease_owner: null,
      lease_until: null,
      attempts: Math.max(0, lease.job.attempts - 1),
    });
  }

  /** A job that nobody works on is cancelled now; a worker is told by its next heartbeat. false: no such job, or ended. */
  async cancel(id: string): Promise<boolean> {
    const { query } = this.#database;
    const queued = await query
      .updateTable("jobs")
      .set({ state: "cancelled", cancel_requested: 1, finished_at: this.#clock.wallNow(), message: "cancelled" })
      .where("id", "=", id)
      .where("state", "=", "queued")
      .returning("id")
      .executeTakeFirst();
    if (queued !== undefined) return true;
    const running = await query
      .updateTable("jobs")
      .set({ cancel_requested: 1 })
      .where("id", "=", id)
      .where("state", "=", "running")
      .returning("id")
      .executeTakeFirst();
    return running !== undefined;
  }

  async #write(lease: Lease, columns: Partial<JobColumns>): Promise<{ cancel_requested: number }> {
    const written = await this.#database.query
      .updateTable("jobs")
      .set(columns)
      .where("id", "=", lease.job.id)
      .where("state", "=", "running")
      .where("fencing_token", "=", lease.token)
      .returning("cancel_requested")
      .executeTakeFirst();
    if (written !== undefined) return written;
    const what = `${lease.job.kind} ${lease.job.id} was taken from ${lease.owner} after a silence, or ended`;
    throw new SightlineError("JOB_LOST", `${what}; what it made is dropped`);
  }
}

interface JobColumns {
  state: JobState;
  progress: number;
  message: string;
  result_json: string | null;
  lease_owner: string | null;
  lease_until: number | null;
  attempts: number;
  finished_at: number | null;
}

/** What becomes of a job whose worker was lost, where it shall not be resumed. */
function endOfLost(job: Job, mostAttempts: number): { state: JobState; message: string } | null {
  if (job.cancelRequested) return { state: "cancelled", message: "cancelled" };
  if (job.attempts < mostAttempts) return null;
  return { state: "failed", message: `given up: ${job.attempts} workers took it and none came to an end` };
}

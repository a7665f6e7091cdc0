import type { Selectable } from "kysely";
import type { Tables } from "../store/tables.ts";

/**
 * queued: waits for a worker, also after its worker was lost. running: a worker holds the lease. done, failed, cancelled:
 * for good.
 */
export const JOB_STATES = ["queued", "running", "done", "failed", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Something long, such as a training: it may outlive the process that began it. */
export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly project: string;
  readonly state: JobState;
  readonly payload: unknown;
  /** 0 to 1. */
  readonly progress: number;
  /** A sentence for people: what it does, or why it failed. */
  readonly message: string;
  readonly result: unknown;
  readonly attempts: number;
  readonly cancelRequested: boolean;
  readonly createdBy: string;
  /** Unix ms. */
  readonly createdAt: number;
  readonly finishedAt: number | null;
}

/** The right to work on a job. `token` rises with every worker: results under an older one are refused. */
export interface Lease {
  readonly job: Job;
  readonly owner: string;
  readonly token: number;
}

export const jobOf = (row: Selectable<Tables["jobs"]>): Job => ({
  id: row.id,
  kind: row.kind,
  project: row.project_id,
  state: row.state as JobState,
  payload: JSON.parse(row.payload_json),
  progress: row.progress,
  message: row.message,
  result: row.result_json === null ? null : JSON.parse(row.result_json),
  attempts: row.attempts,
  cancelRequested: row.cancel_requested === 1,
  createdBy: row.created_by,
  createdAt: row.created_at,
  finishedAt: row.finished_at,
});

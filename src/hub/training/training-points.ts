import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../store/database.ts";
import type { TrainingStep } from "./training-progress.ts";

export interface TrainingPoint extends TrainingStep {
  /** Unix ms. */
  readonly at: number;
}

const WRITE_MS = 1000;
const MOST_POINTS = 5000;

export interface PointWriterParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly jobId: string;
  readonly token: number;
  /** A batch was lost; the run goes on. */
  readonly onFault: (error: unknown) => void;
}

/** Writes a run's steps in batches. A resumed run overwrites what the lost one wrote of the same steps, never the other way. */
export class PointWriter {
  readonly #parts: PointWriterParts;
  #waiting = new Map<string, TrainingPoint>();
  #writtenAt = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: PointWriterParts) {
    this.#parts = parts;
  }

  add(step: TrainingStep): void {
    const at = this.#parts.clock.wallNow();
    this.#waiting.set(`${step.stage} ${step.step}`, { ...step, at });
    if (at - this.#writtenAt < WRITE_MS) return;
    this.#writtenAt = at;
    void this.flush();
  }

  async flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write()).catch(this.#parts.onFault);
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { database, jobId, token } = this.#parts;
    const points = [...this.#waiting.values()];
    this.#waiting = new Map();
    if (points.length === 0) return;
    const rows = points.map(({ stage, step, total, loss, heldOutLoss, at }) => {
      return { job_id: jobId, stage, step, total, loss, held_out_loss: heldOutLoss, at, fencing_token: token };
    });
    await database.query
      .insertInto("training_points")
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(["job_id", "stage", "step"])
          .doUpdateSet((set) => ({
            total: set.ref("excluded.total"),
            loss: set.ref("excluded.loss"),
            held_out_loss: set.ref("excluded.held_out_loss"),
            at: set.ref("excluded.at"),
            fencing_token: set.ref("excluded.fencing_token"),
          }))
          .where("training_points.fencing_token", "<=", (row) => row.ref("excluded.fencing_token")),
      )
      .execute();
  }
}

/** Steps with a loss, in the order in which they were taken. */
export async function trainingPoints({ query }: Database, jobId: string): Promise<TrainingPoint[]> {
  const rows = await query
    .selectFrom("training_points")
    .selectAll()
    .where("job_id", "=", jobId)
    .where("loss", "is not", null)
    .orderBy("at")
    .orderBy("step")
    .limit(MOST_POINTS)
    .execute();
  return rows.map(({ stage, step, total, loss, held_out_loss: heldOutLoss, at }) => {
    return { stage, step, total, loss, heldOutLoss, at };
  });
}

import { hostname } from "node:os";
import { join } from "node:path";
import { pid } from "node:process";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Service } from "../../platform/services.ts";
import { JobWorker } from "../jobs/job-worker.ts";
import { LEASE_OPTIONS, LeaseTable } from "../jobs/lease-table.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { evaluateHandler } from "./evaluate-handler.ts";
import { removeOldRuns } from "./run-folder.ts";
import { trainHandler, type TrainingParts } from "./train-handler.ts";
import { EVALUATE, TRAIN } from "./training-wish.ts";

export interface TrainingSettings {
  readonly workers: number;
  readonly directory: string;
  readonly bases?: string | undefined;
  readonly leaseSeconds: number;
  readonly keepDays: number;
}

const POLL_MS = 1000;
const HEARTBEAT_MS = 2000;
/** A beat may be late. */
const BEATS_A_LEASE = 3;

export interface TrainingWorkerParts {
  readonly database: Database;
  readonly images: Pick<ObjectStore, "get">;
  readonly models: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: TrainingSettings;
}

const DAY_MS = 86_400_000;

/** Workers that take trainings and evaluations from the table that all hub processes share. */
export function trainingWorkers(parts: TrainingWorkerParts): Service[] {
  const { database, images, models, clock, log, settings } = parts;
  const { directory, bases, keepDays, workers } = settings;
  const leaseMs = settings.leaseSeconds * 1000;
  const table = new LeaseTable(database, clock, { ...LEASE_OPTIONS, leaseMs });
  const onFault = (error: unknown): void => log.warn({ error }, "a training worker met a fault");
  const training: TrainingParts = {
    ...{ database, images, models, table, clock, directory, bases, onFault },
    cachePath: join(directory, "cache"),
  };
  const handlers = { [TRAIN]: trainHandler(training), [EVALUATE]: evaluateHandler(training) };
  const tidy: Service = {
    name: "old trainings",
    start: async () => {
      const running = await database.query.selectFrom("jobs").select("id").where("state", "=", "running").execute();
      const names = new Set(running.map(({ id }) => id));
      await removeOldRuns(directory, clock.wallNow() - keepDays * DAY_MS, names);
    },
    stop: async () => undefined,
  };
  const worker = (at: number): Service =>
    new JobWorker({
      ...{ name: `${hostname()}/${pid}/${at}`, table, clock, handlers, onFault },
      ...{ pollMs: POLL_MS, heartbeatMs: Math.min(HEARTBEAT_MS, leaseMs / BEATS_A_LEASE) },
    });
  return workers === 0 ? [] : [tidy, ...Array.from({ length: workers }, (_, at) => worker(at))];
}

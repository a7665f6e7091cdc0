import type { Clock } from "../../platform/clock.ts";
import type { DatabaseSettings } from "../store/database.ts";
import { InProcessJobs } from "./in-process-jobs.ts";
import { PgBossJobs } from "./pg-boss-jobs.ts";
import type { ShortJobOptions, ShortJobs } from "./short-jobs.ts";

/** In PostgreSQL where the hub's database is one, so that hub processes share them; in this process otherwise. */
export const openShortJobs = (settings: DatabaseSettings, options: ShortJobOptions, clock: Clock): ShortJobs =>
  settings.engine === "postgres" ? new PgBossJobs(options, settings.url) : new InProcessJobs(options, clock);

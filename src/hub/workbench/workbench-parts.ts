import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { AnalysisDesk } from "./analysis-desk.ts";
import type { SimilarFinder } from "./similar-finder.ts";

/** What the workbench's routes work with. */
export interface WorkbenchParts {
  readonly database: Database;
  readonly images: ObjectStore;
  readonly similar: SimilarFinder;
  readonly desk: AnalysisDesk;
  readonly clock: Clock;
}

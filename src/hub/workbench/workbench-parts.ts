import type { Clock } from "../../platform/clock.ts";
import type { SimilarityIndex } from "../cases/similar-cases.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { AnalysisDesk } from "./analysis-desk.ts";

/** What the workbench's routes work with. */
export interface WorkbenchParts {
  readonly database: Database;
  readonly images: ObjectStore;
  readonly similar: SimilarityIndex;
  readonly desk: AnalysisDesk;
  readonly clock: Clock;
  /** Told after a label was given or taken back; never rejects. */
  labelsChanged(project: string): Promise<void>;
}

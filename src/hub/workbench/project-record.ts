import { HttpRefusal } from "../../http/error-reply.ts";
import type { ProjectClass } from "../cases/label-cases.ts";
import type { Database } from "../store/database.ts";

/** What the workbench needs to know of a project. */
export interface ProjectRecord {
  readonly id: string;
  readonly classes: readonly ProjectClass[];
  readonly maxEscape: number;
  readonly maxOverkill: number;
  readonly confidence: number;
  readonly taktMs: number;
  readonly partsPerDay: number;
  readonly defectRate: number;
  readonly escapeCost: number;
  readonly overkillCost: number;
}

/** Throws 404 where there is no such project. */
export async function requireProject(database: Database, id: string): Promise<ProjectRecord> {
  const found = await database.query.selectFrom("projects").selectAll().where("id", "=", id).executeTakeFirst();
  if (found === undefined) throw new HttpRefusal(404, "UNKNOWN_PROJECT", `There is no project "${id}".`);
  return {
    id,
    classes: JSON.parse(found.classes_json) as ProjectClass[],
    maxEscape: found.max_escape,
    maxOverkill: found.max_overkill,
    confidence: found.confidence,
    taktMs: found.takt_ms,
    partsPerDay: found.parts_per_day,
    defectRate: found.defect_rate,
    escapeCost: found.escape_cost,
    overkillCost: found.overkill_cost,
  };
}

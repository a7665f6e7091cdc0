import { sql } from "kysely";
import { facetOf } from "../cases/facets.ts";
import type { Database } from "../store/database.ts";

/** Labelled parts of the random audit, one count a part: they are like production, and no model learnt from them on purpose. */
export interface ProofCounts {
  readonly defectiveParts: number;
  readonly escapes: number;
  readonly goodParts: number;
  readonly overkills: number;
  /** Judged parts, and those judged wrong in any way. */
  readonly parts: number;
  readonly errors: number;
}

/** The newest labelled cases that are looked at. */
const MOST_LOOKED_AT = 50_000;

export async function proofCounts(database: Database, project: string, modelVersion: string): Promise<ProofCounts> {
  const { rows } = await sql<{ defect: number; outcome: string; parts: number }>`
    SELECT cases.label_defect AS defect, cases.outcome AS outcome, count(DISTINCT cases.part) AS parts
    FROM (SELECT case_row FROM case_facets WHERE facet = ${facetOf(project, "labelled", "yes")}
      ORDER BY case_row DESC LIMIT ${MOST_LOOKED_AT}) AS labelled
    JOIN case_facets AS audit ON audit.facet = ${facetOf(project, "reason", "audit")} AND audit.case_row = labelled.case_row
    JOIN cases ON cases.row = labelled.case_row
    WHERE cases.model_version = ${modelVersion} AND cases.outcome NOT IN ('undecided', 'fault')
    GROUP BY cases.label_defect, cases.outcome`.execute(database.query);
  const sum = (fits: (row: { defect: number; outcome: string }) => boolean): number =>
    rows.filter(fits).reduce((total, { parts }) => total + Number(parts), 0);
  return {
    defectiveParts: sum(({ defect }) => defect === 1),
    escapes: sum(({ outcome }) => outcome === "escape"),
    goodParts: sum(({ defect }) => defect === 0),
    overkills: sum(({ outcome }) => outcome === "overkill"),
    parts: sum(() => true),
    errors: sum(({ outcome }) => outcome !== "correct"),
  };
}

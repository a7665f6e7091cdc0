import type { ScoredPart } from "../../analysis/estimate-from-scores.ts";
import { facetOf } from "../cases/facets.ts";
import type { Database } from "../store/database.ts";
import type { Readings } from "./line-features.ts";

/** A part of the random audit. */
export interface AuditedPart extends Readings {
  readonly part: string;
  readonly scored: ScoredPart;
  /** Null: not labelled. */
  readonly defective: boolean | null;
}

const MOST_AUDITED = 5000;

/** The newest inspected parts of a device's random audit that this model judged, the newest first. */
export async function auditedParts(
  { query }: Database,
  { project, device, modelSha256 }: { project: string; device: string; modelSha256: string },
): Promise<AuditedPart[]> {
  const rows = await query
    .selectFrom("case_facets as audit")
    .innerJoin("case_facets as of_device", "of_device.case_row", "audit.case_row")
    .innerJoin("cases", "cases.row", "audit.case_row")
    .select(["cases.part", "cases.captured_at", "cases.verdict", "cases.ng_score", "cases.label_defect"])
    .select("cases.metadata_json")
    .where("audit.facet", "=", facetOf(project, "reason", "audit"))
    .where("of_device.facet", "=", facetOf(project, "device", device))
    .where("cases.model_sha256", "=", modelSha256)
    .orderBy("audit.case_row", "desc")
    .limit(MOST_AUDITED)
    .execute();
  return rows.flatMap((row): AuditedPart[] => {
    const { verdict } = row;
    if (row.ng_score === null || (verdict !== "pass" && verdict !== "reject" && verdict !== "review")) return [];
    const metadata = Object.entries(JSON.parse(row.metadata_json) as Record<string, unknown>);
    return [
      {
        part: row.part,
        capturedAt: row.captured_at,
        scored: { ngScore: row.ng_score, verdict },
        defective: row.label_defect === null ? null : row.label_defect === 1,
        numbers: new Map(metadata.filter((entry): entry is [string, number] => typeof entry[1] === "number")),
      },
    ];
  });
}

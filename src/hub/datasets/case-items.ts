import type { DatasetItem } from "../../contracts/dataset.ts";
import { sideOf, SPLIT_COLUMN } from "../../datasets/split.ts";
import { toIso, type WallClockMs } from "../../platform/clock.ts";
import type { CaseFilter } from "../cases/case-filter.ts";
import type { CaseSummary, LabelBox } from "../cases/case-row.ts";
import { findCases } from "../cases/find-cases.ts";
import type { Database } from "../store/database.ts";

/** A case as an item of a data set, and whether its image is still there. */
export interface CaseItem {
  readonly caseId: string;
  readonly item: DatasetItem;
  readonly imageMissing: boolean;
}

export interface CaseItemPage {
  readonly items: readonly CaseItem[];
  readonly nextAfterRow: number | null;
}

/** Cases of a filter, oldest first, so that what arrives later comes last. */
export async function caseItems(
  database: Database,
  filter: CaseFilter,
  page: { readonly limit: number; readonly afterRow: number },
): Promise<CaseItemPage> {
  const { cases, nextBeforeRow } = await findCases(database, filter, {
    limit: page.limit,
    order: "oldest",
    beforeRow: page.afterRow,
  });
  return { items: await itemsOf(database, cases), nextAfterRow: nextBeforeRow };
}

async function itemsOf(database: Database, cases: readonly CaseSummary[]): Promise<CaseItem[]> {
  if (cases.length === 0) return [];
  const rows = cases.map(({ row }) => row);
  const details = await database.query
    .selectFrom("cases")
    .select(["row", "metadata_json"])
    .where("row", "in", rows)
    .execute();
  const labels = await database.query
    .selectFrom("labels")
    .select(["case_row", "boxes_json"])
    .where("case_row", "in", rows)
    .where("undone_at", "is", null)
    .where("blind", "=", 0)
    .orderBy("row")
    .execute();
  const missing = await database.query
    .selectFrom("images")
    .select("sha256")
    .where(
      "sha256",
      "in",
      cases.map(({ imageSha256 }) => imageSha256),
    )
    .where("missing_since", "is not", null)
    .execute();
  const metadataOf = new Map(details.map(({ row, metadata_json }) => [row, metadata_json]));
  // In ascending order, so that the newest is what stays.
  const boxesOf = new Map(labels.map(({ case_row, boxes_json }) => [case_row, boxes_json]));
  const gone = new Set(missing.map(({ sha256 }) => sha256));
  return cases.map((summary) => ({
    caseId: summary.id,
    item: itemOfCase(summary, metadataOf.get(summary.row) ?? "{}", boxesOf.get(summary.row) ?? "[]"),
    imageMissing: gone.has(summary.imageSha256),
  }));
}

/** Pure but for parsing: a case's item depends on nothing that changes without the case. */
export function itemOfCase(summary: CaseSummary, metadataJson: string, boxesJson: string): DatasetItem {
  const boxes = JSON.parse(boxesJson) as LabelBox[];
  const part = summary.part === "" ? summary.id : summary.part;
  const facts: Record<string, string> = {
    captured_at: toIso(summary.capturedAt as WallClockMs),
    case: summary.id,
    device: summary.device,
    line: summary.line,
    model: summary.model.version,
    predicted: summary.class ?? "",
    reasons: summary.reasons.join(" "),
    [SPLIT_COLUMN]: sideOf(summary.project, part),
    verdict: summary.verdict,
  };
  const given = Object.entries(JSON.parse(metadataJson) as Record<string, string | number | boolean>).map(
    ([name, value]) => [name in facts || TAKEN.has(name) ? `meta_${name}` : name, String(value)] as const,
  );
  const metadata = [...given, ...Object.entries(facts)].filter(([, value]) => value !== "");
  return {
    boxes: markedBoxes(summary, boxes),
    image: summary.imageSha256,
    label: summary.label ?? "",
    metadata: Object.fromEntries(metadata),
    part,
  };
}

/** Names that a data folder uses for something else. */
const TAKEN = new Set(["file", "label", "part", "boxes", "source_file"]);

/** No box on a defect says that nobody drew one; none on a good part that there is none. */
function markedBoxes({ label, labelDefect }: CaseSummary, boxes: readonly LabelBox[]): DatasetItem["boxes"] {
  if (label === null || (boxes.length === 0 && labelDefect !== false)) return null;
  return boxes.map((box): [string, number, number, number, number] => [box.class, box.x, box.y, box.width, box.height]);
}

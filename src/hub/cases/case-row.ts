import type { Selectable } from "kysely";
import { Verdict, type HardCaseReason, type VerdictKind } from "../../contracts/verdict.ts";
import type { Database } from "../store/database.ts";
import type { Outcome, Tables } from "../store/tables.ts";
import { reasonsOfBits } from "./merge-reasons.ts";

/** A case as a gallery shows it. */
export interface CaseSummary {
  /** Rises in the order of arrival; the cursor of pages. */
  readonly row: number;
  readonly id: string;
  readonly project: string;
  readonly device: string;
  readonly line: string;
  readonly part: string;
  /** Unix ms. */
  readonly capturedAt: number;
  readonly receivedAt: number;
  readonly imageSha256: string;
  readonly verdict: VerdictKind;
  readonly class: string | null;
  readonly ngScore: number | null;
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly reasons: readonly HardCaseReason[];
  readonly label: string | null;
  readonly labelDefect: boolean | null;
  readonly outcome: Outcome | null;
  readonly tagIds: readonly number[];
  /** 0 to 1; null: not computed. */
  readonly labelSuspicion: number | null;
}

export interface LabelEntry {
  readonly label: string;
  readonly by: string;
  readonly at: number;
  readonly blind: boolean;
  readonly boxes: readonly LabelBox[];
  readonly undoneAt: number | null;
}

/** px of the image. */
export interface LabelBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly class: string;
}

/** A case with all that is known of it. */
export interface CaseDetail extends CaseSummary {
  readonly report: Verdict;
  readonly selectionProbability: number | null;
  /** The part of the frame that the image shows, px; null: all of it. */
  readonly crop: { readonly x: number; readonly y: number; readonly width: number; readonly height: number } | null;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  /** Every label ever given, oldest first. */
  readonly labels: readonly LabelEntry[];
  readonly tags: readonly { readonly id: number; readonly by: string; readonly at: number }[];
}

const SUMMARY_COLUMNS = [
  "row",
  "id",
  "project_id",
  "device_id",
  "line",
  "part",
  "captured_at",
  "received_at",
  "image_sha256",
  "verdict",
  "class",
  "ng_score",
  "model_name",
  "model_version",
  "model_sha256",
  "reasons",
  "label",
  "label_defect",
  "outcome",
  "tag_set",
  "label_suspicion",
] as const satisfies readonly (keyof Tables["cases"])[];

/** In the order of `rows`; those that are gone are left out. */
export async function summariesOf(database: Database, rows: readonly number[]): Promise<CaseSummary[]> {
  if (rows.length === 0) return [];
  const found = await database.query.selectFrom("cases").select(SUMMARY_COLUMNS).where("row", "in", rows).execute();
  const byRow = new Map(found.map((columns) => [columns.row, summaryOf(columns)]));
  return rows.flatMap((row) => byRow.get(row) ?? []);
}

export async function caseById(database: Database, id: string): Promise<CaseDetail | null> {
  const { query } = database;
  const columns = await query.selectFrom("cases").selectAll().where("id", "=", id).executeTakeFirst();
  if (columns === undefined) return null;
  const labels = await query
    .selectFrom("labels")
    .selectAll()
    .where("case_row", "=", columns.row)
    .orderBy("row")
    .execute();
  const tags = await query
    .selectFrom("case_tags")
    .selectAll()
    .where("case_row", "=", columns.row)
    .orderBy("tag_id")
    .execute();
  return {
    ...summaryOf(columns),
    report: Verdict.parse(JSON.parse(columns.verdict_json)),
    selectionProbability: columns.selection_probability,
    crop: columns.crop_json === null ? null : (JSON.parse(columns.crop_json) as CaseDetail["crop"]),
    metadata: JSON.parse(columns.metadata_json) as CaseDetail["metadata"],
    labels: labels.map(labelEntryOf),
    tags: tags.map(({ tag_id, by_user, at }) => ({ id: tag_id, by: by_user, at })),
  };
}

type SummaryColumns = Pick<Selectable<Tables["cases"]>, (typeof SUMMARY_COLUMNS)[number]>;

const summaryOf = (columns: SummaryColumns): CaseSummary => ({
  row: columns.row,
  id: columns.id,
  project: columns.project_id,
  device: columns.device_id,
  line: columns.line,
  part: columns.part,
  capturedAt: columns.captured_at,
  receivedAt: columns.received_at,
  imageSha256: columns.image_sha256,
  verdict: columns.verdict as VerdictKind,
  class: columns.class,
  ngScore: columns.ng_score,
  model: { name: columns.model_name, version: columns.model_version, sha256: columns.model_sha256 },
  reasons: reasonsOfBits(columns.reasons),
  label: columns.label,
  labelDefect: columns.label_defect === null ? null : columns.label_defect === 1,
  outcome: columns.outcome,
  tagIds: tagIdsOf(columns.tag_set),
  labelSuspicion: columns.label_suspicion,
});

const labelEntryOf = (entry: Selectable<Tables["labels"]>): LabelEntry => ({
  label: entry.label,
  by: entry.by_user,
  at: entry.at,
  blind: entry.blind === 1,
  boxes: JSON.parse(entry.boxes_json) as LabelBox[],
  undoneAt: entry.undone_at,
});

/** Reads and writes `tag_set`. */
export const tagIdsOf = (tagSet: string): number[] => (tagSet === "" ? [] : tagSet.split(",").map(Number));
export const tagSetOf = (tagIds: Iterable<number>): string =>
  [...new Set(tagIds)].sort((left, right) => left - right).join(",");

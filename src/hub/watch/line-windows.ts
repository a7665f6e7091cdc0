import type { ImageStatistics } from "../../contracts/image-statistics.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import { facetOf } from "../cases/facets.ts";
import type { Database } from "../store/database.ts";

/** Parts of a window: a share of 5 % is known to about one point then. */
export const WINDOW_PARTS = 1000;

/** A part of a line as its device reported it. */
export interface LinePart {
  readonly verdict: Verdict;
  /** Null where no frame was measured, and of devices that do not send them. */
  readonly statistics: ImageStatistics | null;
}

export interface LineWindows {
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
  /** The first parts the model judged on this line, in order. */
  readonly usual: readonly LinePart[];
  /** The newest ones, in order. */
  readonly newest: readonly LinePart[];
}

/** The model that judged a device's newest part, its first and its newest parts there; null: it judged none yet. */
export async function lineWindows(database: Database, project: string, device: string): Promise<LineWindows | null> {
  const rows = await database.query
    .selectFrom("verdicts")
    .select(["json", "statistics_json"])
    .where("device_id", "=", device)
    .orderBy("boot_seq", "desc")
    .orderBy("verdict_seq", "desc")
    .limit(WINDOW_PARTS)
    .execute();
  const parts = rows.map(partOf).reverse();
  const model = parts.findLast(({ verdict }) => verdict.model !== null)?.verdict.model ?? null;
  if (model === null) return null;
  const first = parts.findIndex(({ verdict }) => verdict.model !== null && verdict.model.sha256 === model.sha256);
  const newest = parts.slice(first).filter((part) => isOf(part, model.sha256));
  const usual = await firstParts(database, { project, device, model });
  return { model, usual, newest };
}

/** From the first case of the model on: what came before it, a few parts, is not looked for. */
async function firstParts(
  database: Database,
  { project, device, model }: { project: string; device: string; model: LineWindows["model"] },
): Promise<LinePart[]> {
  const { query } = database;
  const found = await query
    .selectFrom("case_facets as of_model")
    .innerJoin("case_facets as of_device", "of_device.case_row", "of_model.case_row")
    .innerJoin("cases", "cases.row", "of_model.case_row")
    .select("cases.verdict_json")
    .where("of_model.facet", "=", facetOf(project, "model", model.version))
    .where("of_device.facet", "=", facetOf(project, "device", device))
    .where("cases.model_sha256", "=", model.sha256)
    .orderBy("of_model.case_row")
    .limit(1)
    .executeTakeFirst();
  if (found === undefined) return [];
  const { bootSeq, verdictSeq } = parseOwn(found.verdict_json);
  const rows = await query
    .selectFrom("verdicts")
    .select(["json", "statistics_json"])
    .where("device_id", "=", device)
    .where((where) =>
      where.or([
        where("boot_seq", ">", bootSeq),
        where.and([where("boot_seq", "=", bootSeq), where("verdict_seq", ">=", verdictSeq)]),
      ]),
    )
    .orderBy("boot_seq")
    .orderBy("verdict_seq")
    .limit(WINDOW_PARTS)
    .execute();
  return rows.map(partOf).filter((part) => isOf(part, model.sha256));
}

/** A part that was not inspected says little of a model, but its being so is a feature of the line. */
const isOf = ({ verdict: { model, verdict } }: LinePart, sha256: string): boolean =>
  model?.sha256 === sha256 || verdict === "fault";

const partOf = ({ json, statistics_json: statistics }: { json: string; statistics_json: string | null }): LinePart => ({
  verdict: parseOwn(json),
  statistics: statistics === null ? null : (JSON.parse(statistics) as ImageStatistics), // checked at the door
});

/** Checked at the door. */
const parseOwn = (json: string): Verdict => JSON.parse(json) as Verdict;

export const timeOf = (part: LinePart | undefined): number =>
  part === undefined ? NaN : Date.parse(part.verdict.capturedAt ?? part.verdict.decidedAt);

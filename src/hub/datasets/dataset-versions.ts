import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { Sha256 } from "../../contracts/hub-case.ts";
import { canonicalStream } from "../../datasets/items.ts";
import { DEFAULT_SHARES, SIDES, type Side, SPLIT_COLUMN, type SplitImage, splitReport } from "../../datasets/split.ts";
import { uuidv7 } from "../../platform/uuid.ts";
import { CaseFilter } from "../cases/case-filter.ts";
import type { Act } from "../people/accounts.ts";
import { recordAudit } from "../people/audit.ts";
import type { Database } from "../store/database.ts";
import { caseItems } from "./case-items.ts";
import { addItems, canonicalLines, listItems, removeList, removeRemains } from "./item-lists.ts";

const PerSide = z.strictObject({ train: z.number(), validation: z.number(), test: z.number() });

/** What a version holds, and what was left out of it. */
export const VersionReport = z.strictObject({
  shares: PerSide.describe("of the parts, as intended"),
  reached: PerSide.describe("of the parts, as it came out"),
  parts: PerSide,
  frames: PerSide,
  classes: z.array(z.strictObject({ label: z.string(), parts: PerSide, frames: PerSide })),
  warnings: z.array(z.string()),
  leftOut: z.strictObject({
    copies: z.int().describe("cases whose image an earlier case has, with the same label"),
    contradicted: z.int().describe("images that cases label differently"),
    imageMissing: z.int().describe("cases whose image is lost"),
  }),
});
export type VersionReport = z.infer<typeof VersionReport>;

export const DatasetVersion = z.strictObject({
  sha256: Sha256,
  project: z.string(),
  name: z.string(),
  parent: Sha256.nullable(),
  cases: z.int(),
  note: z.string(),
  filter: CaseFilter,
  report: VersionReport,
  createdBy: z.string(),
  createdAt: z.int(),
});
export type DatasetVersion = z.infer<typeof DatasetVersion>;

export interface VersionWish {
  readonly project: string;
  /** Of the series it continues. */
  readonly name: string;
  readonly note: string;
  /** Only labelled cases of the project are taken, whatever it says of that. */
  readonly filter: Omit<CaseFilter, "project" | "labelled">;
}

const CASES_A_PAGE = 500;
/** A list that is older and that no version names was left by a hub that ended. */
const REMAINS_AGE_MS = 86_400_000;

/**
 * Takes the labelled cases of a filter as they are now. The list is written piece by piece, so that devices and people are
 * served meanwhile; the version appears when it is whole. "known": there is a version of this very content. null: no case
 * fits.
 */
export async function createVersion(
  database: Database,
  wish: VersionWish,
  { by, at }: Act,
): Promise<{ readonly stored: "new" | "known"; readonly sha256: string } | null> {
  await removeRemains(database, uuidv7(at - REMAINS_AGE_MS));
  const listId = uuidv7(at);
  try {
    const filter: CaseFilter = { ...wish.filter, project: wish.project, labelled: true };
    const leftOut = await fillList(database, listId, filter);
    const { sha256, cases, images } = await readBack(database, listId);
    if (cases === 0) {
      await removeList(database, listId);
      return null;
    }
    const report: VersionReport = VersionReport.parse({ ...splitReport(images, DEFAULT_SHARES), leftOut });
    const stored = await database.query.transaction().execute(async (rows) => {
      const newest = await rows
        .selectFrom("dataset_versions")
        .select("sha256")
        .where("project_id", "=", wish.project)
        .where("name", "=", wish.name)
        .orderBy("created_at", "desc")
        .limit(1)
        .executeTakeFirst();
      const inserted = await rows
        .insertInto("dataset_versions")
        .values({
          ...{ sha256, project_id: wish.project, name: wish.name, parent_sha256: newest?.sha256 ?? null, cases },
          ...{ note: wish.note, created_by: by, created_at: at, list_id: listId },
          ...{ filter_json: JSON.stringify(filter), report_json: JSON.stringify(report) },
        })
        .onConflict((conflict) => conflict.column("sha256").doNothing())
        .executeTakeFirst();
      if (inserted.numInsertedOrUpdatedRows === 0n) return "known" as const;
      const detail = { project: wish.project, name: wish.name, cases };
      await recordAudit(rows, { at, actor: by, action: "create data set version", subject: sha256, detail });
      return "new" as const;
    });
    if (stored === "known") await removeList(database, listId);
    return { stored, sha256 };
  } catch (error) {
    await removeList(database, listId).catch(() => undefined); // the next version's tidying takes what is left
    throw error;
  }
}

async function fillList(database: Database, listId: string, filter: CaseFilter): Promise<VersionReport["leftOut"]> {
  const leftOut = { copies: 0, contradicted: 0, imageMissing: 0 };
  let afterRow: number | null = 0;
  while (afterRow !== null) {
    const page = await caseItems(database, filter, { limit: CASES_A_PAGE, afterRow });
    const whole = page.items.filter(({ imageMissing }) => !imageMissing);
    leftOut.copies += await addItems(
      database,
      listId,
      whole.map(({ item }) => item),
    );
    leftOut.imageMissing += page.items.length - whole.length;
    afterRow = page.nextAfterRow;
    await setImmediate();
  }
  const { contradicted } = await database.query
    .selectFrom("dataset_items")
    .select(({ fn }) => fn.countAll<number>().as("contradicted"))
    .where("list_id", "=", listId)
    .where("contradicted", "=", 1)
    .executeTakeFirstOrThrow();
  return { ...leftOut, contradicted };
}

/** The hash of a list as it is stored, and what its report counts. */
async function readBack(
  database: Database,
  listId: string,
): Promise<{ readonly sha256: string; readonly cases: number; readonly images: readonly SplitImage[] }> {
  const hash = createHash("sha256");
  for await (const piece of canonicalStream(canonicalLines(database, listId))) hash.update(piece);
  const images: SplitImage[] = [];
  for await (const { label, part, metadata } of listItems(database, listId)) {
    images.push({ label, part, side: sideNamed(metadata[SPLIT_COLUMN]) });
  }
  return { sha256: hash.digest("hex"), cases: images.length, images };
}

const sideNamed = (name: string | undefined): Side => SIDES.find((side) => side === name) ?? "train";

interface StoredVersion extends DatasetVersion {
  readonly listId: string;
}

export async function versionBySha256({ query }: Database, sha256: string): Promise<StoredVersion | null> {
  const row = await query.selectFrom("dataset_versions").selectAll().where("sha256", "=", sha256).executeTakeFirst();
  if (row === undefined) return null;
  return {
    sha256: row.sha256,
    project: row.project_id,
    name: row.name,
    parent: row.parent_sha256,
    cases: row.cases,
    note: row.note,
    filter: CaseFilter.parse(JSON.parse(row.filter_json)),
    report: VersionReport.parse(JSON.parse(row.report_json)),
    createdBy: row.created_by,
    createdAt: row.created_at,
    listId: row.list_id,
  };
}

export const VersionSummary = DatasetVersion.omit({ filter: true, report: true });
export type VersionSummary = z.infer<typeof VersionSummary>;

/** Newest first. */
export async function listVersions(
  { query }: Database,
  wish: { readonly project?: string | undefined; readonly limit: number },
): Promise<VersionSummary[]> {
  let found = query
    .selectFrom("dataset_versions")
    .select(["sha256", "project_id", "name", "parent_sha256", "cases", "note", "created_by", "created_at"])
    .orderBy("created_at", "desc")
    .orderBy("sha256")
    .limit(wish.limit);
  if (wish.project !== undefined) found = found.where("project_id", "=", wish.project);
  return (await found.execute()).map((row) => ({
    sha256: row.sha256,
    project: row.project_id,
    name: row.name,
    parent: row.parent_sha256,
    cases: row.cases,
    note: row.note,
    createdBy: row.created_by,
    createdAt: row.created_at,
  }));
}

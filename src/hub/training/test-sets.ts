import { z } from "zod";
import type { DatasetItem } from "../../contracts/dataset.ts";
import { Sha256 } from "../../contracts/hub-case.ts";
import { SPLIT_COLUMN } from "../../datasets/split.ts";
import { listItems } from "../datasets/item-lists.ts";
import { versionBySha256 } from "../datasets/dataset-versions.ts";
import type { Database } from "../store/database.ts";

export const TestSide = z.enum(["test", "all"]);
export type TestSide = z.infer<typeof TestSide>;

export const TestSet = z.strictObject({
  datasetSha256: Sha256,
  project: z.string(),
  name: z.string(),
  side: TestSide.describe("test: the parts that the split puts there; all: every part of the version"),
  parts: z.int(),
  frames: z.int(),
  markedBy: z.string(),
  markedAt: z.int(),
});
export type TestSet = z.infer<typeof TestSet>;

/** The items of a version that belong to its test set. */
export async function testItems(database: Database, datasetSha256: string, side: TestSide): Promise<DatasetItem[]> {
  const version = await versionBySha256(database, datasetSha256);
  if (version === null) return [];
  const items: DatasetItem[] = [];
  for await (const item of listItems(database, version.listId)) {
    if (side === "all" || item.metadata[SPLIT_COLUMN] === "test") items.push(item);
  }
  return items;
}

/** Newest first. */
export async function listTestSets(database: Database, project: string): Promise<TestSet[]> {
  const rows = await database.query
    .selectFrom("test_sets")
    .innerJoin("dataset_versions", "dataset_versions.sha256", "test_sets.dataset_sha256")
    .select(["dataset_sha256", "test_sets.project_id", "side", "marked_by", "marked_at", "name"])
    .where("test_sets.project_id", "=", project)
    .orderBy("marked_at", "desc")
    .orderBy("dataset_sha256")
    .execute();
  return Promise.all(
    rows.map(async (row) => {
      const items = await testItems(database, row.dataset_sha256, row.side);
      return {
        ...{ datasetSha256: row.dataset_sha256, project: row.project_id, name: row.name, side: row.side },
        ...{ parts: new Set(items.map(({ part }) => part)).size, frames: items.length },
        ...{ markedBy: row.marked_by, markedAt: row.marked_at },
      };
    }),
  );
}

export async function testSideOf({ query }: Database, datasetSha256: string): Promise<TestSide | null> {
  const row = await query
    .selectFrom("test_sets")
    .select("side")
    .where("dataset_sha256", "=", datasetSha256)
    .executeTakeFirst();
  return row?.side ?? null;
}

/** Parts of all test sets of a project: nothing may learn from them. */
export async function testParts(database: Database, project: string): Promise<Set<string>> {
  const sets = await database.query
    .selectFrom("test_sets")
    .select(["dataset_sha256", "side"])
    .where("project_id", "=", project)
    .execute();
  const parts = new Set<string>();
  for (const { dataset_sha256, side } of sets) {
    for (const { part } of await testItems(database, dataset_sha256, side)) parts.add(part);
  }
  return parts;
}

export interface LearningItems {
  /** To learn from. */
  readonly learn: readonly DatasetItem[];
  /** To calibrate and certify with: parts of the split's validation side, which the training never sees. */
  readonly certify: readonly DatasetItem[];
  readonly leftOut: { readonly parts: number; readonly frames: number };
}

/**
 * What of a version a training may use: never the split's test side, never a part of a marked test set, whatever side it lies
 * on in this version.
 */
export async function learningItems(
  database: Database,
  { project, datasetSha256 }: { readonly project: string; readonly datasetSha256: string },
): Promise<LearningItems> {
  const version = await versionBySha256(database, datasetSha256);
  const forbidden = await testParts(database, project);
  const learn: DatasetItem[] = [];
  const certify: DatasetItem[] = [];
  const out: DatasetItem[] = [];
  for await (const item of version === null ? [] : listItems(database, version.listId)) {
    const side = item.metadata[SPLIT_COLUMN];
    if (side === "test" || forbidden.has(item.part)) out.push(item);
    else if (side === "validation") certify.push(item);
    else learn.push(item);
  }
  return { learn, certify, leftOut: { parts: new Set(out.map(({ part }) => part)).size, frames: out.length } };
}

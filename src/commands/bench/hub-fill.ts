import { labelCases } from "../../hub/cases/label-cases.ts";
import { recordCases } from "../../hub/cases/record-case.ts";
import { createTag, tagCases } from "../../hub/cases/tag-cases.ts";
import type { Database } from "../../hub/store/database.ts";
import { settleDatabase } from "../../hub/store/settle-database.ts";
import { seededRandom } from "../../platform/random.ts";
import { capturedAtOf, caseIdOf, type CaseMaker, CLASSES, PROJECT, TAGS } from "./hub-cases.ts";

const BATCH = 2000;
/** One case of so many is labelled, and of those one of so many tagged: people label a part of what comes. */
const LABELLED_EVERY = 10;
const TAGGED_EVERY = 2;

/** Makes the project with its tags. */
export async function makeBenchProject(database: Database): Promise<void> {
  await database.query
    .insertInto("projects")
    .values({
      id: PROJECT,
      name: "Benchmark",
      problem: "how fast the hub is",
      classes_json: JSON.stringify(CLASSES),
      max_escape: 0.01,
      max_overkill: 0.05,
      confidence: 0.95,
      takt_ms: 1000,
      parts_per_day: 10_000,
      defect_rate: 0.01,
      escape_cost: 100,
      overkill_cost: 1,
      currency: "EUR",
      created_at: 0,
    })
    .execute();
  for (const name of TAGS) {
    await createTag(database, { project: PROJECT, name, colour: "#d97706", description: "", by: "bench", at: 0 });
  }
}

export interface Filling {
  readonly from: number;
  readonly to: number;
  readonly maker: CaseMaker;
  readonly tagIds: readonly number[];
  onProgress(done: number): void;
}

/** Records cases `from` (inclusive) to `to` (exclusive), labels and tags some, with what the hub itself uses for it. */
export async function fillDatabase(database: Database, filling: Filling): Promise<void> {
  for (let from = filling.from; from < filling.to; from += BATCH) {
    const indices = Array.from({ length: Math.min(BATCH, filling.to - from) }, (_, at) => from + at);
    await recordCases(
      database,
      indices.map((index) => ({
        upload: filling.maker.caseAt(index),
        project: PROJECT,
        receivedAt: capturedAtOf(index) + 1000,
      })),
    );
    await judge(database, indices, filling.tagIds);
    filling.onProgress(from + indices.length);
  }
  await settleDatabase(database);
}

async function judge(database: Database, indices: readonly number[], tagIds: readonly number[]): Promise<void> {
  const random = seededRandom(indices[0] ?? 0);
  const labelled = indices.filter((index) => index % LABELLED_EVERY === 0);
  const classOf = (): string => CLASSES[Math.floor(random() * CLASSES.length)]?.name ?? "good";
  await labelCases(
    database,
    labelled.map((index) => ({
      caseId: caseIdOf(index),
      label: classOf(),
      by: "bench",
      at: capturedAtOf(index) + 5000,
      blind: false,
      boxes: [],
      classes: CLASSES,
    })),
  );
  const tagged = labelled.filter((_, at) => at % TAGGED_EVERY === 0);
  const tagOf = new Map(tagged.map((index) => [index, tagIds[Math.floor(random() * tagIds.length)] ?? 0]));
  for (const tagId of tagIds) {
    const caseIds = tagged.filter((index) => tagOf.get(index) === tagId).map(caseIdOf);
    if (caseIds.length > 0) await tagCases(database, { caseIds, tagId, by: "bench", at: 0 });
  }
}

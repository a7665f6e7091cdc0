import type { Selectable, Transaction } from "kysely";
import { z } from "zod";
import { SightlineError } from "../../contracts/errors.ts";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";
import { tagIdsOf, tagSetOf } from "./case-row.ts";
import { addFacets, inChunks, removeFacet } from "./facet-lists.ts";
import { type Facet, tagFacet } from "./facets.ts";
import { type LockedCase, lockCases } from "./locked-cases.ts";
import { CountMoves } from "./outcome-counts.ts";

export const TagName = z.string().trim().min(1).max(64);
export const TagColour = z.string().regex(/^#[0-9a-f]{6}$/i, "a colour like #d97706");

export interface NewTag {
  readonly project: string;
  readonly name: string;
  readonly colour: string;
  readonly description: string;
  readonly by: string;
  /** Unix ms. */
  readonly at: number;
}

export interface Tag {
  readonly id: number;
  readonly project: string;
  readonly name: string;
  readonly colour: string;
  readonly description: string;
}

/** The project's tag of that name: a new one, or the one that is there, as it is. */
export async function createTag(database: Database, tag: NewTag): Promise<Tag> {
  const name = TagName.parse(tag.name);
  await database.query
    .insertInto("tags")
    .values({
      project_id: tag.project,
      name,
      colour: tag.colour,
      description: tag.description,
      created_by: tag.by,
      created_at: tag.at,
    })
    .onConflict((conflict) => conflict.columns(["project_id", "name"]).doNothing())
    .execute();
  const kept = await database.query
    .selectFrom("tags")
    .selectAll()
    .where("project_id", "=", tag.project)
    .where("name", "=", name)
    .executeTakeFirstOrThrow();
  return tagOf(kept);
}

/** By name. */
export async function listTags(database: Database, project: string): Promise<Tag[]> {
  const tags = await database.query
    .selectFrom("tags")
    .selectAll()
    .where("project_id", "=", project)
    .orderBy("name")
    .execute();
  return tags.map(tagOf);
}

const tagOf = ({ id, project_id, name, colour, description }: Selectable<Tables["tags"]>): Tag => ({
  id,
  project: project_id,
  name,
  colour,
  description,
});

export interface Tagging {
  readonly caseIds: readonly string[];
  readonly tagId: number;
  readonly by: string;
  /** Unix ms. */
  readonly at: number;
}

/** Tags all of the cases or, where it throws (SightlineError UNKNOWN_CASE, UNKNOWN_TAG), none; how many had it not. */
export async function tagCases(database: Database, tagging: Tagging): Promise<number> {
  const { tagId, by, at } = tagging;
  return retag(database, tagging, {
    newSet: (tagIds) => [...tagIds, tagId],
    write: async (transaction, rows, facet) => {
      for (const some of inChunks(rows)) {
        const entries = some.map((row) => ({ case_row: row, tag_id: tagId, by_user: by, at }));
        await transaction.insertInto("case_tags").values(entries).execute();
      }
      await addFacets(
        database,
        transaction,
        rows.map((row) => ({ facet, case_row: row })),
      );
    },
  });
}

/** Takes the tag off; how many had it. Throws as `tagCases` does. */
export async function untagCases(database: Database, tagging: Tagging): Promise<number> {
  const { tagId } = tagging;
  return retag(database, tagging, {
    newSet: (tagIds) => tagIds.filter((id) => id !== tagId),
    write: async (transaction, rows, facet) => {
      for (const some of inChunks(rows)) {
        await transaction.deleteFrom("case_tags").where("tag_id", "=", tagId).where("case_row", "in", some).execute();
      }
      await removeFacet(transaction, facet, rows);
    },
  });
}

interface Retagging {
  /** What becomes of a case's tags. */
  newSet(tagIds: readonly number[]): readonly number[];
  /** Changes the tag's own rows, of the cases whose set changes. */
  write(transaction: Transaction<Tables>, rows: readonly number[], facet: Facet): Promise<void>;
}

async function retag(database: Database, { caseIds, tagId }: Tagging, { newSet, write }: Retagging): Promise<number> {
  const after = (tagSet: string): string => tagSetOf(newSet(tagIdsOf(tagSet)));
  return database.query.transaction().execute(async (transaction) => {
    const cases = await lockCases(database, transaction, caseIds);
    const project = await projectOfTag(transaction, tagId, cases);
    const changed = cases.filter(({ tag_set }) => after(tag_set) !== tag_set);
    const rows = changed.map(({ row }) => row);
    await write(transaction, rows, tagFacet(project, tagId));
    await writeTagSets(transaction, changed, after);
    return changed.length;
  });
}

async function projectOfTag(
  transaction: Transaction<Tables>,
  tagId: number,
  cases: readonly LockedCase[],
): Promise<string> {
  const tag = await transaction.selectFrom("tags").select("project_id").where("id", "=", tagId).executeTakeFirst();
  if (tag === undefined) throw new SightlineError("UNKNOWN_TAG", `the hub has no tag ${tagId}`);
  const stray = cases.find(({ project_id }) => project_id !== tag.project_id);
  if (stray === undefined) return tag.project_id;
  throw new SightlineError(
    "UNKNOWN_TAG",
    `tag ${tagId} belongs to project ${tag.project_id}, case ${stray.id} to ${stray.project_id}`,
  );
}

async function writeTagSets(
  transaction: Transaction<Tables>,
  cases: readonly LockedCase[],
  newSet: (tagSet: string) => string,
): Promise<void> {
  const rowsOf = Map.groupBy(cases, ({ tag_set }) => tag_set);
  const moves = new CountMoves();
  for (const [before, group] of rowsOf) {
    const after = newSet(before);
    for (const some of inChunks(group)) {
      await transaction
        .updateTable("cases")
        .set({ tag_set: after })
        .where(
          "row",
          "in",
          some.map(({ row }) => row),
        )
        .execute();
    }
    for (const { project_id, model_version, outcome } of group) {
      const cell = { project: project_id, modelVersion: model_version, outcome };
      moves.move({ ...cell, tagSet: before }, { ...cell, tagSet: after });
    }
  }
  await moves.write(transaction);
}

import { setImmediate } from "node:timers/promises";
import { DatasetItem } from "../../contracts/dataset.ts";
import { canonicalItem } from "../../datasets/items.ts";
import type { Database } from "../store/database.ts";

const PAGE = 1000;

/** Adds to a list; the first of the cases with one image counts. Returns how many came again with the same label. */
export async function addItems({ query }: Database, listId: string, items: readonly DatasetItem[]): Promise<number> {
  const first = new Map<string, DatasetItem>();
  const known = new Map<string, string>();
  const images = items.map(({ image }) => image);
  if (images.length > 0) {
    const stored = await query
      .selectFrom("dataset_items")
      .select(["image_sha256", "json"])
      .where("list_id", "=", listId)
      .where("image_sha256", "in", images)
      .execute();
    for (const { image_sha256, json } of stored) known.set(image_sha256, DatasetItem.parse(JSON.parse(json)).label);
  }
  const contradicted = new Set<string>();
  let copies = 0;
  for (const item of items) {
    const label = known.get(item.image);
    if (label === undefined) {
      known.set(item.image, item.label);
      first.set(item.image, item);
      continue;
    }
    if (label === item.label) copies++;
    else contradicted.add(item.image);
  }
  if (first.size > 0) {
    const rows = [...first.values()].map((item) => {
      return { list_id: listId, image_sha256: item.image, json: canonicalItem(item), contradicted: 0 };
    });
    await query.insertInto("dataset_items").values(rows).execute();
  }
  if (contradicted.size > 0) {
    await query
      .updateTable("dataset_items")
      .set({ contradicted: 1 })
      .where("list_id", "=", listId)
      .where("image_sha256", "in", [...contradicted])
      .execute();
  }
  return copies;
}

/** The canonical lines of a list, in order, a page at a time; other requests get their turn in between. */
export async function* canonicalLines({ query }: Database, listId: string): AsyncGenerator<string> {
  let after = "";
  for (;;) {
    const rows = await query
      .selectFrom("dataset_items")
      .select(["image_sha256", "json"])
      .where("list_id", "=", listId)
      .where("contradicted", "=", 0)
      .where("image_sha256", ">", after)
      .orderBy("image_sha256")
      .limit(PAGE)
      .execute();
    for (const { json } of rows) yield json;
    after = rows.at(-1)?.image_sha256 ?? after;
    if (rows.length < PAGE) return;
    await setImmediate();
  }
}

export async function* listItems(database: Database, listId: string): AsyncGenerator<DatasetItem> {
  for await (const line of canonicalLines(database, listId)) yield JSON.parse(line) as DatasetItem;
}

/** Removes a list that no version names, piece by piece. */
export async function removeList({ query }: Database, listId: string): Promise<void> {
  for (;;) {
    const rows = await query
      .selectFrom("dataset_items")
      .select("image_sha256")
      .where("list_id", "=", listId)
      .limit(PAGE)
      .execute();
    if (rows.length === 0) return;
    const images = rows.map(({ image_sha256 }) => image_sha256);
    await query.deleteFrom("dataset_items").where("list_id", "=", listId).where("image_sha256", "in", images).execute();
    await setImmediate();
  }
}

/** Lists begun before `listId` (a UUIDv7) that no version names: of a hub that was ended in the middle. */
export async function removeRemains(database: Database, beforeListId: string): Promise<void> {
  let after = "";
  for (;;) {
    const next = await database.query
      .selectFrom("dataset_items")
      .select("list_id")
      .where("list_id", ">", after)
      .where("list_id", "<", beforeListId)
      .orderBy("list_id")
      .limit(1)
      .executeTakeFirst();
    if (next === undefined) return;
    after = next.list_id;
    const named = await database.query
      .selectFrom("dataset_versions")
      .select("sha256")
      .where("list_id", "=", after)
      .executeTakeFirst();
    if (named === undefined) await removeList(database, after);
  }
}

import type { Clock } from "../../platform/clock.ts";
import type { Database } from "./database.ts";
import type { ObjectStore, StoredObject } from "./object-store.ts";

/** What crashes and accidents left between rows and files. */
export interface Reconciliation {
  /** Files that no row names. */
  readonly removed: readonly string[];
  /** Files that no row names yet, too young to be judged: a row may be on its way. */
  readonly young: number;
  /** Images whose file is gone; they are marked so. */
  readonly missing: readonly string[];
  /** Images that were marked so and are there again. */
  readonly found: readonly string[];
  readonly images: number;
}

export interface ReconcileParts {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A device that sent an image sends its case soon after; a row is written right after the file. */
const GRACE_MS = 3_600_000;
const PAGE = 1000;

/**
 * Compares rows and files both ways, in one pass over each, as both come in the order of their names; beside a hub that
 * takes images meanwhile, too. An image is stored before its row is, so that a file without a row is garbage once it is
 * old, and a row without a file a loss that somebody must know of.
 */
export async function reconcile(parts: ReconcileParts): Promise<Reconciliation> {
  const { database, store, clock, signal } = parts;
  const removed: string[] = [];
  const missing: string[] = [];
  const found: string[] = [];
  let young = 0;
  let images = 0;
  for await (const { row, file } of sideBySide(imagesOf(database), store.list())) {
    signal.throwIfAborted();
    if (row !== null) images++;
    if (row === null && file !== null) {
      if (file.storedAt > clock.wallNow() - GRACE_MS) young++;
      else if (await removeUnlessNamed(parts, file.sha256)) removed.push(file.sha256);
    } else if (row !== null && file === null) {
      // It may have come after the folder was read.
      if (row.missing_since === null && !(await store.has(row.sha256))) missing.push(row.sha256);
    } else if (row !== null && row.missing_since !== null) found.push(row.sha256);
  }
  await mark(database, missing, clock.wallNow());
  await mark(database, found, null);
  return { removed, young, missing, found, images };
}

interface ImageRow {
  readonly sha256: string;
  readonly missing_since: number | null;
}

async function* imagesOf({ query }: Database): AsyncGenerator<ImageRow> {
  for (let after = ""; ;) {
    const page = await query
      .selectFrom("images")
      .select(["sha256", "missing_since"])
      .where("sha256", ">", after)
      .orderBy("sha256")
      .limit(PAGE)
      .execute();
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.sha256;
  }
}

interface Pair {
  readonly row: ImageRow | null;
  readonly file: StoredObject | null;
}

/** Both lists in the order of their names; what only one of them has stands alone. */
async function* sideBySide(rows: AsyncIterator<ImageRow>, files: AsyncIterable<StoredObject>): AsyncGenerator<Pair> {
  let row = await rows.next();
  for await (const file of files) {
    while (row.done !== true && row.value.sha256 < file.sha256) {
      yield { row: row.value, file: null };
      row = await rows.next();
    }
    const same = row.done !== true && row.value.sha256 === file.sha256;
    yield { row: same && row.done !== true ? row.value : null, file };
    if (same) row = await rows.next();
  }
  for (; row.done !== true; row = await rows.next()) yield { row: row.value, file: null };
}

/** Asks again: the row may have come after the page was read. */
async function removeUnlessNamed({ database, store }: ReconcileParts, sha256: string): Promise<boolean> {
  const row = await database.query
    .selectFrom("images")
    .select("sha256")
    .where("sha256", "=", sha256)
    .executeTakeFirst();
  if (row !== undefined) return false;
  await store.remove(sha256);
  return true;
}

async function mark({ query }: Database, images: readonly string[], at: number | null): Promise<void> {
  for (let from = 0; from < images.length; from += PAGE) {
    await query
      .updateTable("images")
      .set({ missing_since: at })
      .where("sha256", "in", images.slice(from, from + PAGE))
      .execute();
  }
}

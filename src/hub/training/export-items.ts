import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DatasetItem } from "../../contracts/dataset.ts";
import { SightlineError } from "../../contracts/errors.ts";
import { runTogether } from "../../platform/run-together.ts";
import { writeDurably } from "../../platform/durable-file.ts";
import { exportDocument } from "../datasets/export-documents.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";

const IMAGES_AT_ONCE = 4;
export const IMAGES_FOLDER = "images";

export interface ItemExport {
  readonly database: Database;
  readonly images: Pick<ObjectStore, "get">;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Writes items as a data folder that every command takes: `images/SHA256.jpg` and `index.csv` with part and metadata. The
 * listing is written last. Throws DATA_INVALID where there is no item or an image is gone.
 */
export async function exportItems(items: readonly DatasetItem[], to: ItemExport): Promise<void> {
  const { database, folder, signal } = to;
  if (items.length === 0) throw new SightlineError("DATA_INVALID", "no image is left to learn from in this version");
  const { text } = await exportDocument(database, items, "csv");
  const files = filesOf(text);
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, IMAGES_FOLDER), { recursive: true });
  let done = 0;
  await runTogether(files, IMAGES_AT_ONCE, async (file) => {
    signal.throwIfAborted();
    await fetchImage(to, file);
    to.onProgress(++done, files.length);
  });
  await writeDurably(join(folder, "index.csv"), text);
}

async function fetchImage({ images, folder, signal }: ItemExport, file: string): Promise<void> {
  const sha256 = shaOf(file);
  const bytes = await images.get(sha256);
  if (bytes === null) {
    throw new SightlineError(
      "DATA_INVALID",
      `the image ${sha256} of this version is lost; make a new version without it`,
    );
  }
  const path = join(folder, file);
  await pipeline(bytes, createWriteStream(`${path}.part`), { signal });
  await rename(`${path}.part`, path);
}

/** First column of the listing: names are made of a hash and an ending, so that nothing in them is quoted. */
const filesOf = (listing: string): string[] =>
  listing
    .split(/\r?\n/)
    .slice(1)
    .flatMap((line) => /^images\/[0-9a-f]{64}\.\w+/.exec(line)?.[0] ?? []);

/** The image that an exported file holds. */
export const shaOf = (file: string): string => basename(file).slice(0, 64);

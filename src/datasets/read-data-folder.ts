import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import { runTogether } from "../platform/run-together.ts";
import { COCO_FILE, readCoco } from "./coco-folder.ts";
import { maskPathOf, readCsvListing } from "./csv-listing.ts";
import type { DataFolder, LabelledImage, RefusedFile } from "./data-folder.ts";
import { listImages } from "./list-images.ts";

const FILES_AT_ONCE = 16;

/**
 * Reads a data folder: `annotations.coco.json`, or a folder per class with an optional `index.csv` whose labels count
 * before the folder names. Throws SightlineError DATA_INVALID when the folder or its index cannot be used at all.
 */
export async function readDataFolder(path: string): Promise<DataFolder> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new SightlineError("DATA_INVALID", `${path} is not a folder; give a folder of labelled images`);
  try {
    const folder = existsSync(join(path, COCO_FILE))
      ? await readCoco(join(path, COCO_FILE), path, await listImages(path))
      : await readClassFolders(path, await listImages(path));
    return await withoutEmptyFiles(folder);
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    throw new SightlineError("DATA_INVALID", `${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** A folder per class, or what index.csv says. */
export async function readClassFolders(path: string, files: readonly string[]): Promise<DataFolder> {
  if (existsSync(join(path, "index.csv"))) return readCsvListing(join(path, "index.csv"), path, files);
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  for (const file of files) {
    const [label = "", ...rest] = file.split("/");
    if (rest.length === 0) refused.push({ file, reason: "no label: it lies in no class folder" });
    else
      images.push({ path: join(path, file), file, label, metadata: {}, boxes: null, maskPath: maskPathOf(path, file) });
  }
  return { path, images, columns: [], refused };
}

/** Files that are empty or cannot be reached (a link to nowhere) are of no use to anybody. */
export async function withoutEmptyFiles(folder: DataFolder): Promise<DataFolder> {
  const faults = await runTogether(folder.images, FILES_AT_ONCE, ({ path: imagePath }) =>
    stat(imagePath).then(
      ({ size }) => (size === 0 ? "empty file" : null),
      (error: unknown) => `it cannot be read (${messageOf(error)})`,
    ),
  );
  return {
    ...folder,
    images: folder.images.filter((_, index) => faults[index] === null),
    refused: [
      ...folder.refused,
      ...folder.images.flatMap(({ file }, index) => {
        const reason = faults[index] ?? null;
        return reason === null ? [] : [{ file, reason }];
      }),
    ],
  };
}

import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import { COCO_FILE, readCoco } from "./coco-folder.ts";
import { readCsvListing } from "./csv-listing.ts";
import type { DataFolder } from "./data-folder.ts";
import { FIFTYONE_FILE, readFiftyOne } from "./fiftyone.ts";
import { readLabelStudio } from "./label-studio.ts";
import { listImages } from "./list-images.ts";
import { readClassFolders, withoutEmptyFiles } from "./read-data-folder.ts";

export const DATASET_FORMATS = ["folder", "csv", "coco", "label-studio", "fiftyone"] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

/** Name under which each format's listing is written, and looked for in a folder. */
export const LISTING_FILES = {
  folder: "index.csv",
  csv: "index.csv",
  coco: COCO_FILE,
  "label-studio": "label-studio.json",
  fiftyone: FIFTYONE_FILE,
} as const satisfies Record<DatasetFormat, string>;

export interface DatasetSource {
  /** A folder, or a listing (CSV or JSON). */
  readonly path: string;
  /** Absent: found out from what is there. */
  readonly format?: DatasetFormat;
  /** Where the listing's images lie; absent: beside it. */
  readonly imagesPath?: string;
}

export interface ReadDataset {
  readonly format: DatasetFormat;
  readonly folder: DataFolder;
}

/** Reads a data set of any of the formats. Throws SightlineError DATA_INVALID with what is wrong where. */
export async function readDataset(source: DatasetSource): Promise<ReadDataset> {
  const { path } = source;
  const entry = await stat(path).catch(() => undefined);
  if (entry === undefined) throw new SightlineError("DATA_INVALID", `${path} is not there`);
  try {
    const format = source.format ?? (await detectFormat(path, entry.isDirectory()));
    const listing = entry.isDirectory() ? join(path, LISTING_FILES[format]) : path;
    const imagesPath = source.imagesPath ?? (entry.isDirectory() ? path : dirname(path));
    if (format !== "folder" && !existsSync(listing)) {
      throw new SightlineError("DATA_INVALID", `${path} has no ${LISTING_FILES[format]}, which ${format} data need`);
    }
    const files = await listImages(imagesPath);
    const folder = await readAs(format, listing, { imagesPath, files });
    return { format, folder: await withoutEmptyFiles(folder) };
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    throw new SightlineError("DATA_INVALID", `${path}: ${messageOf(error)}`, { cause: error });
  }
}

function readAs(
  format: DatasetFormat,
  listing: string,
  { imagesPath, files }: { readonly imagesPath: string; readonly files: readonly string[] },
): Promise<DataFolder> {
  switch (format) {
    case "folder":
      return readClassFolders(imagesPath, files);
    case "csv":
      return readCsvListing(listing, imagesPath, files);
    case "coco":
      return readCoco(listing, imagesPath, files);
    case "label-studio":
      return readLabelStudio(listing, imagesPath, files);
    case "fiftyone":
      return readFiftyOne(listing, imagesPath, files);
  }
}

/** In a folder by the listing's name (index.csv last: others write it too); of a file by what it holds. */
async function detectFormat(path: string, isFolder: boolean): Promise<DatasetFormat> {
  if (isFolder) {
    const order = ["coco", "label-studio", "fiftyone"] as const;
    return order.find((format) => existsSync(join(path, LISTING_FILES[format]))) ?? "folder";
  }
  if (!path.toLowerCase().endsWith(".json")) return "csv";
  const document: unknown = JSON.parse((await readFile(path, "utf8")).replace(/^\uFEFF/, ""));
  if (Array.isArray(document)) return "label-studio";
  const names = typeof document === "object" && document !== null ? Object.keys(document) : [];
  if (names.includes("annotations") && names.includes("images")) return "coco";
  if (names.includes("labels")) return "fiftyone";
  throw new SightlineError(
    "DATA_INVALID",
    `${path} is JSON of a kind not known here; say --format ${DATASET_FORMATS.slice(2).join(" or ")}`,
  );
}

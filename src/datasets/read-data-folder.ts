import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import { readCocoFolder } from "./coco-folder.ts";
import { parseCsv } from "./csv.ts";
import type { DataFolder, LabelledImage, RefusedFile } from "./data-folder.ts";

const IMAGE_EXTENSIONS = new Set([".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif"]);
/** Folders beside the class folders that hold no training images. */
const RESERVED_FOLDERS = new Set(["masks"]);

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
    const folder = existsSync(join(path, "annotations.coco.json"))
      ? await readCocoFolder(path, await listImages(path))
      : await readClassFolders(path, await listImages(path));
    return await withoutEmptyFiles(folder);
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    throw new SightlineError("DATA_INVALID", `${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function readClassFolders(path: string, files: readonly string[]): Promise<DataFolder> {
  if (existsSync(join(path, "index.csv"))) return readIndexedFolder(path, files);
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  for (const file of files) {
    const [label = "", ...rest] = file.split("/");
    if (rest.length === 0) refused.push({ file, reason: "no label: it lies in no class folder" });
    else images.push({ path: join(path, file), file, label, metadata: {}, ...unmarked(path, file) });
  }
  return { path, images, columns: [], refused };
}

async function readIndexedFolder(path: string, files: readonly string[]): Promise<DataFolder> {
  const { columns, rows } = parseCsv(await readFile(join(path, "index.csv"), "utf8"));
  if (!columns.includes("file") || !columns.includes("label")) {
    throw new SightlineError("DATA_INVALID", `${join(path, "index.csv")} needs the columns file and label`);
  }
  const present = new Set(files);
  const listed = new Set<string>();
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  for (const { file = "", label = "", ...metadata } of rows) {
    if (listed.has(file)) refused.push({ file, reason: "listed twice in index.csv" });
    else if (!present.has(file)) refused.push({ file, reason: "listed in index.csv but not there" });
    else if (label === "") refused.push({ file, reason: "no label in index.csv" });
    else images.push({ path: join(path, file), file, label, metadata, ...unmarked(path, file) });
    listed.add(file);
  }
  refused.push(
    ...files.filter((file) => !listed.has(file)).map((file) => ({ file, reason: "no label: not in index.csv" })),
  );
  return { path, images, columns: columns.filter((name) => name !== "file" && name !== "label"), refused };
}

/** No boxes, and the mask of the same name below masks/, where there is one. */
function unmarked(path: string, file: string): Pick<LabelledImage, "boxes" | "maskPath"> {
  const maskPath = join(path, "masks", file.replace(/\.[^./]+$/, ".png"));
  return { boxes: null, maskPath: existsSync(maskPath) ? maskPath : null };
}

/** Image files at any depth, sorted, relative with forward slashes. */
async function listImages(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && IMAGE_EXTENSIONS.has(extname(entry.name).toLowerCase()))
    .map((entry) => relative(path, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((file) => !RESERVED_FOLDERS.has(file.split("/")[0] ?? ""))
    .sort();
}

async function withoutEmptyFiles(folder: DataFolder): Promise<DataFolder> {
  const sizes = await Promise.all(folder.images.map(async ({ path }) => (await stat(path)).size));
  const images = folder.images.filter((_, index) => sizes[index] !== 0);
  const empty = folder.images.filter((_, index) => sizes[index] === 0);
  return {
    ...folder,
    images,
    refused: [...folder.refused, ...empty.map(({ file }) => ({ file, reason: "empty file" }))],
  };
}

import { copyFile, link, mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { DatasetItem } from "../contracts/dataset.ts";
import { SightlineError } from "../contracts/errors.ts";
import { writeDurably } from "../platform/durable-file.ts";
import { runTogether } from "../platform/run-together.ts";
import { checkImage } from "./check-image.ts";
import type { LabelledImage, RefusedFile } from "./data-folder.ts";
import { folderOfLabel, maskFileOf } from "./file-name.ts";
import { itemOf, SOURCE_COLUMN } from "./items.ts";
import {
  cocoDocument,
  columnsOf,
  csvListing,
  fiftyOneLabels,
  labelStudioInterface,
  labelStudioTasks,
  type ListedImage,
} from "./listings.ts";
import { PART_COLUMNS, partOf } from "./part-column.ts";
import { type DatasetFormat, LISTING_FILES } from "./read-dataset.ts";
import { type CheckedImage, sortOut } from "./sort-out.ts";

export interface WriteOptions {
  /** Must be missing or empty. */
  readonly outPath: string;
  readonly format: DatasetFormat;
  /** Metadata columns in the order wanted. */
  readonly columns: readonly string[];
  /** Hard links instead of copies, where the file system can. */
  readonly link: boolean;
  /** Whether to note each file's former name in the column `source_file`, unless an earlier import did. */
  readonly sourceNames: boolean;
  /** What Label Studio puts before a file's name; absent: its local files below the name of `outPath`. */
  readonly labelStudioPrefix?: string;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface WrittenDataset {
  readonly images: readonly ListedImage[];
  readonly items: readonly DatasetItem[];
  readonly columns: readonly string[];
  /** Unreadable files and contradictory labels, each with its reason. */
  readonly refused: readonly RefusedFile[];
  readonly copies: readonly RefusedFile[];
}

/** Files read and decoded at a time: what is in memory is this many pictures, however many there are in all. */
const FILES_AT_ONCE = 4;
const NO_LABEL_IN_COCO = "no label: in COCO an image without annotations is a good one";

/**
 * Writes images as a data set, every file named by the SHA-256 of its content and decoded before it is taken. The listing is
 * written last: a folder that has one is whole. Throws SightlineError DATA_INVALID where `outPath` holds something; whatever
 * goes wrong later, nothing of it is left.
 */
export async function writeDataset(images: readonly LabelledImage[], options: WriteOptions): Promise<WrittenDataset> {
  await requireEmpty(options.outPath);
  try {
    return await writeInto(images, options);
  } catch (error) {
    // All that lies there is ours: it was empty.
    await rm(options.outPath, { recursive: true, force: true });
    throw error;
  }
}

async function writeInto(images: readonly LabelledImage[], options: WriteOptions): Promise<WrittenDataset> {
  const nameless = options.format === "coco" ? images.filter(({ label }) => label === "") : [];
  const { checked, unreadable } = await checkAll(
    options.format === "coco" ? images.filter(({ label }) => label !== "") : images,
    options,
  );
  const { kept, refused, copies } = sortOut(checked);
  const named = kept.map((one) => ({ ...one, file: fileIn(options.format, one) }));
  const masked = named.flatMap(({ image, file }) => (image.maskPath === null ? [] : maskFileOf(file)));
  const folders = new Set([...named.map(({ file }) => file), ...masked].map((file) => dirname(file)));
  for (const folder of folders) await mkdir(join(options.outPath, folder), { recursive: true });
  await runTogether(named, FILES_AT_ONCE, async ({ image, file }) => {
    options.signal?.throwIfAborted();
    await place(image.path, join(options.outPath, file), options.link);
    if (image.maskPath !== null) await place(image.maskPath, join(options.outPath, maskFileOf(file)), options.link);
  });
  const listed = named.map(({ image, file, widthPx, heightPx }): ListedImage => {
    const given = SOURCE_COLUMN in image.metadata || !options.sourceNames;
    const metadata = given ? image.metadata : { ...image.metadata, [SOURCE_COLUMN]: image.file };
    return { file, label: image.label, boxes: image.boxes, metadata, widthPx, heightPx };
  });
  const columns = columnsOf(listed, options.columns);
  await writeListings(listed, columns, options);
  const partColumn = PART_COLUMNS.find((name) => columns.includes(name)) ?? null;
  return {
    images: listed,
    items: named.map(({ image, sha256 }) => itemOf(image, sha256, partOf({ ...image, file: sha256 }, partColumn))),
    columns,
    refused: [...nameless.map(({ file }) => ({ file, reason: NO_LABEL_IN_COCO })), ...unreadable, ...refused],
    copies,
  };
}

/** Makes the folder where it is missing. Throws SightlineError DATA_INVALID where it holds something. */
export async function requireEmpty(outPath: string): Promise<void> {
  const entries = await readdir(outPath).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new SightlineError("DATA_INVALID", `${outPath} cannot be written to: ${error.message}`, { cause: error });
  });
  if (entries.length > 0) {
    throw new SightlineError("DATA_INVALID", `${outPath} holds something already; name a folder that is empty or new`);
  }
  await mkdir(outPath, { recursive: true });
}

async function checkAll(
  images: readonly LabelledImage[],
  { onProgress, signal }: Pick<WriteOptions, "onProgress" | "signal">,
): Promise<{ readonly checked: readonly CheckedImage[]; readonly unreadable: readonly RefusedFile[] }> {
  let done = 0;
  const unreadable: RefusedFile[] = [];
  const checked = await runTogether(images, FILES_AT_ONCE, async (image): Promise<CheckedImage | null> => {
    signal?.throwIfAborted();
    const found = await checkImage(image.path);
    onProgress(++done, images.length);
    if (!found.ok) {
      unreadable.push({ file: image.file, reason: found.reason });
      return null;
    }
    return { image, sha256: found.sha256, widthPx: found.image.widthPx, heightPx: found.image.heightPx };
  });
  return {
    checked: checked.filter((one) => one !== null),
    unreadable: unreadable.sort((one, other) => (one.file < other.file ? -1 : 1)),
  };
}

function fileIn(format: DatasetFormat, { image, sha256 }: CheckedImage): string {
  const name = `${sha256}${extname(image.file).toLowerCase()}`;
  if (format === "folder") return `${folderOfLabel(image.label)}/${name}`;
  return format === "fiftyone" ? `data/${name}` : `images/${name}`;
}

async function place(from: string, to: string, asLink: boolean): Promise<void> {
  if (asLink && (await linked(from, to))) return;
  await copyFile(from, to);
}

/** False where the file system cannot: across devices, or without links. */
const linked = (from: string, to: string): Promise<boolean> =>
  link(from, to).then(
    () => true,
    () => false,
  );

async function writeListings(
  images: readonly ListedImage[],
  columns: readonly string[],
  { outPath, format, labelStudioPrefix }: WriteOptions,
): Promise<void> {
  const put = (file: string, text: string): Promise<void> => writeDurably(join(outPath, file), text);
  const json = (document: unknown): string => `${JSON.stringify(document, null, 1)}\n`;
  switch (format) {
    case "folder":
    case "csv":
      return put(LISTING_FILES[format], csvListing(images, columns));
    case "coco":
      return put(LISTING_FILES.coco, json(cocoDocument(images)));
    case "label-studio": {
      await put("label-studio-interface.xml", labelStudioInterface(images));
      const prefix = labelStudioPrefix ?? `/data/local-files/?d=${encodeURIComponent(basename(outPath))}/`;
      return put(LISTING_FILES["label-studio"], json(labelStudioTasks(images, prefix)));
    }
    case "fiftyone":
      await put("index.csv", csvListing(images, columns));
      return put(LISTING_FILES.fiftyone, json(fiftyOneLabels(images)));
  }
}

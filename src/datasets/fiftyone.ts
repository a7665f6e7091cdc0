import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { SightlineError } from "../contracts/errors.ts";
import { readImageSize } from "../imaging/image-size.ts";
import { textFields } from "./coco-folder.ts";
import { boxFromShares, commonLabel } from "./common-label.ts";
import { maskPathOf } from "./csv-listing.ts";
import { parseCsv } from "../platform/csv.ts";
import type { DataFolder, LabelledImage, RefusedFile } from "./data-folder.ts";
import { fileNameFault } from "./file-name.ts";

/** A label's name, or its index in `classes`. */
const Target = z.union([z.string().min(1), z.int().min(0)]);
const Attributes = z.record(z.string(), z.unknown()).nullish();
const Detection = z.object({
  label: Target,
  /** Left, top, width, height as shares of the picture. */
  bounding_box: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  attributes: Attributes,
});
const Classification = z.union([Target, z.object({ label: Target, attributes: Attributes })]);
type Detection = z.infer<typeof Detection>;
type Classification = z.infer<typeof Classification>;

/** labels.json of FiftyOneImageClassificationDataset and of FiftyOneImageDetectionDataset (docs.voxel51.com). */
const Labels = z.object({
  classes: z.array(z.string()).nullish(),
  labels: z.record(z.string(), z.union([z.null(), z.array(Detection), Classification])),
});

export const FIFTYONE_FILE = "labels.json";
/** Ours: a detection as large as the picture that says what the picture as a whole is. */
export const WHOLE_IMAGE = "whole_image";

/**
 * FiftyOne's `labels.json` with the pictures in `data/`. Metadata comes from the attributes of classifications and, where
 * there is one, from `index.csv` beside it: detections have no place for what belongs to the picture. Throws SightlineError
 * DATA_INVALID where the file is no such export.
 */
export async function readFiftyOne(documentPath: string, path: string, files: readonly string[]): Promise<DataFolder> {
  const parsed = Labels.safeParse(JSON.parse(await readFile(documentPath, "utf8")));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new SightlineError(
      "DATA_INVALID",
      `${documentPath} is no labels.json of FiftyOne's image classification or detection datasets: ` +
        `${issue?.path.map(String).join(".").slice(0, 100)}: ${issue?.message}`,
    );
  }
  const { classes, labels } = parsed.data;
  const nameOf = (target: string | number): string =>
    typeof target === "number" ? (classes?.[target] ?? `class ${target}`) : target;
  const listing = basename(documentPath);
  const byKey = Map.groupBy(files, keyOf);
  const metadataOf = await indexedMetadata(path);
  const listed = new Set<string>();
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  for (const [key, target] of Object.entries(labels)) {
    const [file, another] = byKey.get(key) ?? [];
    const fault =
      file === undefined
        ? (fileNameFault(key) ?? `listed in ${listing} but not there`)
        : another !== undefined
          ? `${another} has the same name but for its ending`
          : target === null
            ? `no label in ${listing}`
            : null;
    for (const known of byKey.get(key) ?? []) listed.add(known);
    if (fault !== null || file === undefined || target === null) {
      refused.push({ file: file ?? key, reason: fault ?? "no label" });
      continue;
    }
    try {
      const read = Array.isArray(target)
        ? await readDetections(target, nameOf, join(path, file))
        : readClassification(target, nameOf);
      images.push({
        path: join(path, file),
        file,
        ...read,
        metadata: { ...read.metadata, ...metadataOf.get(file) },
        maskPath: maskPathOf(path, file),
      });
    } catch (error) {
      refused.push({ file, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const unlisted = files.filter((file) => !listed.has(file));
  refused.push(...unlisted.map((file) => ({ file, reason: `no label: not in ${listing}` })));
  return { path, images, columns: [...new Set(images.flatMap(({ metadata }) => Object.keys(metadata)))], refused };
}

/** FiftyOne names a picture by its path below data/ without its ending. */
export const keyOf = (file: string): string => file.replace(/^data\//, "").replace(/\.[^./]+$/, "");

type ReadLabel = Pick<LabelledImage, "label" | "boxes" | "metadata">;

async function readDetections(
  detections: readonly Detection[],
  nameOf: (target: string | number) => string,
  imagePath: string,
): Promise<ReadLabel> {
  const isWhole = ({ attributes }: Detection): boolean => attributes?.[WHOLE_IMAGE] === true;
  const whole = detections.find(isWhole);
  const marks = detections.filter((detection) => !isWhole(detection));
  const size = marks.length === 0 ? { widthPx: 0, heightPx: 0 } : await readImageSize(imagePath);
  const boxes = marks.map(({ label, bounding_box }) => boxFromShares(nameOf(label), bounding_box, size));
  const unmarked = whole !== undefined && whole.attributes?.["marked"] !== true && boxes.length === 0;
  return {
    label: whole === undefined ? commonLabel(boxes) : nameOf(whole.label),
    boxes: unmarked ? null : boxes,
    metadata: {},
  };
}

function readClassification(target: Classification, nameOf: (target: string | number) => string): ReadLabel {
  if (typeof target !== "object") return { label: nameOf(target), boxes: null, metadata: {} };
  return { label: nameOf(target.label), boxes: null, metadata: textFields(target.attributes ?? {}) };
}

/** What an `index.csv` beside the labels says of each file, `file`, `label` and `boxes` aside. */
async function indexedMetadata(path: string): Promise<Map<string, Record<string, string>>> {
  const indexPath = join(path, "index.csv");
  if (!existsSync(indexPath)) return new Map();
  const { rows } = parseCsv(await readFile(indexPath, "utf8"));
  return new Map(rows.map(({ file = "", label: _label, boxes: _boxes, ...metadata }) => [file, metadata]));
}

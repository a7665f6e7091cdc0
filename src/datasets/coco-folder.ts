import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { commonLabel } from "./common-label.ts";
import { maskPathOf, nameIn } from "./csv-listing.ts";
import type { DataFolder, DefectBox, LabelledImage, RefusedFile } from "./data-folder.ts";
import { fileNameFault } from "./file-name.ts";

/** The name under which a data folder holds COCO annotations. */
export const COCO_FILE = "annotations.coco.json";

/** The part of COCO this project reads; image fields beyond these become metadata. */
const CocoFile = z.object({
  categories: z.array(z.object({ id: z.number(), name: z.string().min(1) })),
  images: z.array(
    z.looseObject({
      id: z.number(),
      file_name: z.string().min(1),
      width: z.unknown().optional(),
      height: z.unknown().optional(),
      /** Ours: the image's own label, where its annotations do not say it. */
      label: z.string().optional(),
      /** Ours, false: nobody marked where the defects of this image are. */
      marked: z.boolean().optional(),
      /** Ours: metadata whose names COCO uses for something else. */
      metadata: z.record(z.string(), z.string()).optional(),
    }),
  ),
  annotations: z.array(
    z.object({
      image_id: z.number(),
      category_id: z.number(),
      /** x, y, width, height in px. */
      bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
    }),
  ),
});
type CocoFile = z.infer<typeof CocoFile>;

/**
 * Reads COCO annotations of images below `path`. An image's label is the category that marks it most often (the first of
 * the file's categories on a tie), or `good` when nothing marks it. Throws what JSON and the schema throw.
 */
export async function readCoco(documentPath: string, path: string, files: readonly string[]): Promise<DataFolder> {
  const coco = CocoFile.parse(JSON.parse(await readFile(documentPath, "utf8")));
  const nameOf = new Map(coco.categories.map(({ id, name }) => [id, name]));
  const categories = coco.categories.map(({ name }) => name);
  const listing = basename(documentPath);
  const annotated = Map.groupBy(coco.annotations, ({ image_id }) => image_id);
  const present = new Set(files);
  const listed = new Set<string>();
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  for (const { id, file_name, width: _width, height: _height, label, marked, metadata, ...fields } of coco.images) {
    const file = nameIn(present, file_name);
    const fault = fileFault(file, listing, { listed, present });
    listed.add(file);
    if (fault !== null) {
      refused.push({ file, reason: fault });
      continue;
    }
    const marks = (annotated.get(id) ?? []).map(({ category_id, bbox }) => {
      return { label: nameOf.get(category_id) ?? String(category_id), bbox };
    });
    images.push({
      path: join(path, file),
      file,
      label: label ?? commonLabel(marks, categories),
      metadata: { ...textFields(fields), ...metadata },
      boxes: marked === false ? null : boxesOf(marks),
      maskPath: maskPathOf(path, file),
    });
  }
  const unlisted = files.filter((file) => !listed.has(file));
  refused.push(...unlisted.map((file) => ({ file, reason: `no label: not in ${listing}` })));
  return { path, images, columns: [...new Set(images.flatMap(({ metadata }) => Object.keys(metadata)))], refused };
}

function fileFault(
  file: string,
  listing: string,
  { listed, present }: { readonly listed: ReadonlySet<string>; readonly present: ReadonlySet<string> },
): string | null {
  if (listed.has(file)) return `listed twice in ${listing}`;
  if (present.has(file)) return null;
  return fileNameFault(file) ?? `listed in ${listing} but not there`;
}

/** Null as soon as an annotation has no box: where that defect is, nobody said. */
function boxesOf(
  marks: readonly { readonly label: string; readonly bbox: CocoFile["annotations"][number]["bbox"] }[],
): readonly DefectBox[] | null {
  const boxes = marks.flatMap(({ label, bbox }): DefectBox[] => {
    if (bbox === undefined) return [];
    const [xPx, yPx, widthPx, heightPx] = bbox;
    return [{ label, xPx, yPx, widthPx, heightPx }];
  });
  return boxes.length === marks.length ? boxes : null;
}

/** Fields of a picture that say one thing each, as text. */
export const textFields = (fields: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      ["string", "number", "boolean"].includes(typeof value) ? [[name, String(value)]] : [],
    ),
  );

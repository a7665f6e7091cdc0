import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { DataFolder, DefectBox, LabelledImage, RefusedFile } from "./data-folder.ts";

/** The part of COCO this project reads; image fields beyond these become metadata. */
const CocoFile = z.object({
  categories: z.array(z.object({ id: z.number(), name: z.string().min(1) })),
  images: z.array(z.looseObject({ id: z.number(), file_name: z.string().min(1) })),
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

/** Label of an image no annotation marks. */
const UNMARKED_LABEL = "good";

/**
 * Reads `annotations.coco.json`. An image's label is the category that marks it most often (the first of the file's
 * categories on a tie), or `good` when nothing marks it.
 */
export async function readCocoFolder(path: string, files: readonly string[]): Promise<DataFolder> {
  const coco = CocoFile.parse(JSON.parse(await readFile(join(path, "annotations.coco.json"), "utf8")));
  const counts = new Map<number, Map<number, number>>();
  for (const { image_id, category_id } of coco.annotations) {
    const ofImage = counts.get(image_id) ?? new Map<number, number>();
    ofImage.set(category_id, (ofImage.get(category_id) ?? 0) + 1);
    counts.set(image_id, ofImage);
  }
  const boxesOf = boxesByImage(coco);
  const present = new Set(files);
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  for (const { id, file_name: file, ...fields } of coco.images) {
    if (!present.delete(file)) refused.push({ file, reason: "listed in annotations.coco.json but not there" });
    else
      images.push({
        path: join(path, file),
        file,
        label: labelOf(counts.get(id), coco.categories),
        metadata: metadataOf(fields),
        boxes: boxesOf.get(id) ?? (counts.has(id) ? null : []),
        maskPath: null,
      });
  }
  refused.push(...[...present].map((file) => ({ file, reason: "no label: not in annotations.coco.json" })));
  return { path, images, columns: [...new Set(images.flatMap(({ metadata }) => Object.keys(metadata)))], refused };
}

/** Images whose every annotation has a box. */
function boxesByImage({ annotations, categories }: CocoFile): Map<number, DefectBox[] | null> {
  const nameOf = new Map(categories.map(({ id, name }) => [id, name]));
  const boxes = new Map<number, DefectBox[] | null>();
  for (const { image_id, category_id, bbox } of annotations) {
    const before = boxes.get(image_id);
    if (bbox === undefined || before === null) {
      boxes.set(image_id, null);
      continue;
    }
    const [xPx, yPx, widthPx, heightPx] = bbox;
    const box = { label: nameOf.get(category_id) ?? String(category_id), xPx, yPx, widthPx, heightPx };
    boxes.set(image_id, [...(before ?? []), box]);
  }
  return boxes;
}

function labelOf(
  counts: ReadonlyMap<number, number> | undefined,
  categories: readonly { id: number; name: string }[],
): string {
  let best = { name: UNMARKED_LABEL, count: 0 };
  for (const { id, name } of categories) {
    const count = counts?.get(id) ?? 0;
    if (count > best.count) best = { name, count };
  }
  return best.name;
}

const metadataOf = (fields: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      ["string", "number", "boolean"].includes(typeof value) ? [[name, String(value)]] : [],
    ),
  );

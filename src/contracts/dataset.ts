import { z } from "zod";
import { Sha256 } from "./hub-case.ts";

/** One image of a data set version, by its content. */
export const DatasetItem = z.strictObject({
  /** [label, x, y, width, height] in px; [] marked as free of defects; null: nobody marked it. */
  boxes: z.array(z.tuple([z.string(), z.number(), z.number(), z.number(), z.number()])).nullable(),
  image: Sha256.describe("SHA-256 of the file"),
  /** "": nobody labelled it; never in a version. */
  label: z.string(),
  metadata: z.record(z.string(), z.string()),
  /** The physical part, never on two sides of a split. */
  part: z.string(),
});
export type DatasetItem = z.infer<typeof DatasetItem>;

/** Answer of `GET /api/v1/datasets/cases`: the cases of a filter as items, oldest first. */
export const DatasetCasesReply = z.strictObject({
  items: z.array(DatasetItem),
  /** Where to go on; null: this was the last page. A page may be short, even empty, and yet not be the last. */
  nextAfterRow: z.int().nullable(),
});
export type DatasetCasesReply = z.infer<typeof DatasetCasesReply>;

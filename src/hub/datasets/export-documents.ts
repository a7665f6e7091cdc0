import {
  csvListing,
  cocoDocument,
  columnsOf,
  fiftyOneLabels,
  labelStudioTasks,
  type ListedImage,
} from "../../datasets/listings.ts";
import type { DatasetFormat } from "../../datasets/read-dataset.ts";
import type { DatasetItem } from "../../contracts/dataset.ts";
import type { Database } from "../store/database.ts";

/** A listing larger than this is no answer to one request: `dataset export` writes it from the items. */
export const MOST_LISTED = 50_000;

const PAGE = 1000;
const ENDINGS: Readonly<Record<string, string>> = { "image/png": ".png", "image/jpeg": ".jpg" };

/** A version's listing in a format of others; images are named as `dataset export` writes them. */
export async function exportDocument(
  database: Database,
  items: readonly DatasetItem[],
  format: Exclude<DatasetFormat, "folder">,
): Promise<{ readonly text: string; readonly mediaType: string; readonly fileName: string }> {
  const images = await listedImages(database, items, format === "fiftyone" ? "data" : "images");
  const json = (document: unknown): string => `${JSON.stringify(document, null, 1)}\n`;
  switch (format) {
    case "csv":
      return { text: csvListing(images, columnsOf(images, ["part"])), mediaType: "text/csv", fileName: "index.csv" };
    case "coco":
      return { text: json(cocoDocument(images)), mediaType: JSON_TYPE, fileName: "annotations.coco.json" };
    case "label-studio":
      return { text: json(labelStudioTasks(images, "")), mediaType: JSON_TYPE, fileName: "label-studio.json" };
    case "fiftyone":
      return { text: json(fiftyOneLabels(images)), mediaType: JSON_TYPE, fileName: "labels.json" };
  }
}

const JSON_TYPE = "application/json; charset=utf-8";

async function listedImages(
  { query }: Database,
  items: readonly DatasetItem[],
  folder: string,
): Promise<ListedImage[]> {
  const listed: ListedImage[] = [];
  for (let from = 0; from < items.length; from += PAGE) {
    const page = items.slice(from, from + PAGE);
    const found = await query
      .selectFrom("images")
      .select(["sha256", "media_type", "width_px", "height_px"])
      .where(
        "sha256",
        "in",
        page.map(({ image }) => image),
      )
      .execute();
    const byImage = new Map(found.map((image) => [image.sha256, image]));
    for (const { image, label, boxes, metadata, part } of page) {
      const stored = byImage.get(image);
      listed.push({
        file: `${folder}/${image}${ENDINGS[stored?.media_type ?? ""] ?? ".png"}`,
        label,
        boxes:
          boxes?.map(([name, xPx, yPx, widthPx, heightPx]) => ({ label: name, xPx, yPx, widthPx, heightPx })) ?? null,
        metadata: { part, ...metadata },
        widthPx: stored?.width_px ?? 1,
        heightPx: stored?.height_px ?? 1,
      });
    }
  }
  return listed;
}

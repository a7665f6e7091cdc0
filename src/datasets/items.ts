import { createHash } from "node:crypto";
import type { DatasetItem } from "../contracts/dataset.ts";
import type { LabelledImage } from "./data-folder.ts";

/** Column with the name a file had where it came from: a name, no content. */
export const SOURCE_COLUMN = "source_file";

/** The item of an image whose file has this hash. What a column leaves empty, or says of the part again, is no content. */
export function itemOf(
  image: Pick<LabelledImage, "label" | "boxes" | "metadata">,
  sha256: string,
  part: string,
): DatasetItem {
  const metadata = Object.entries(image.metadata).filter(
    ([name, value]) => value !== "" && name !== SOURCE_COLUMN && !(name === "part" && value === part),
  );
  return {
    boxes:
      image.boxes?.map(({ label, xPx, yPx, widthPx, heightPx }): BoxTuple => [label, xPx, yPx, widthPx, heightPx]) ??
      null,
    image: sha256,
    label: image.label,
    metadata: Object.fromEntries(metadata),
    part,
  };
}

type BoxTuple = NonNullable<DatasetItem["boxes"]>[number];

/**
 * An item as JSON that depends on nothing but its content: no white space, names sorted by UTF-16 code units, numbers as
 * ECMAScript writes them (the rules of RFC 8785).
 */
export const canonicalItem = ({ boxes, image, label, metadata, part }: DatasetItem): string =>
  JSON.stringify({ boxes, image, label, metadata: sortedByName(metadata), part });

const sortedByName = (record: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)));

/** By image, then by all the rest. */
export const inItemOrder = (one: DatasetItem, other: DatasetItem): number => {
  if (one.image !== other.image) return one.image < other.image ? -1 : 1;
  const [left, right] = [canonicalItem(one), canonicalItem(other)];
  return left === right ? 0 : left < right ? -1 : 1;
};

/** The canonical list, UTF-8 with LF, a line an item, piece by piece: its SHA-256 is the version. `lines` are in order. */
export async function* canonicalStream(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let before = "[\n";
  for await (const line of lines) {
    yield before + line;
    before = ",\n";
  }
  yield before === "[\n" ? "[]\n" : "\n]\n";
}

/** The same of items in any order, at once. */
export function canonicalList(items: readonly DatasetItem[]): string {
  if (items.length === 0) return "[]\n";
  return `[\n${items.toSorted(inItemOrder).map(canonicalItem).join(",\n")}\n]\n`;
}

/** SHA-256 (hex) of the canonical list: the version of a data set is its content. */
export const versionOfItems = (items: readonly DatasetItem[]): string =>
  createHash("sha256").update(canonicalList(items)).digest("hex");

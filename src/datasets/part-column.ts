import { SightlineError } from "../contracts/errors.ts";
import type { DataFolder, LabelledImage } from "./data-folder.ts";

/** Columns that name the physical part where nobody says which does; the first that is there counts. */
export const PART_COLUMNS = ["part", "tile", "board_group", "board", "serial", "group"] as const;

/** The column that names the part; null: every file is a part of its own. Throws DATA_INVALID where `wanted` is missing. */
export function partColumnOf({ path, columns }: Pick<DataFolder, "path" | "columns">, wanted?: string): string | null {
  if (wanted === undefined) return PART_COLUMNS.find((name) => columns.includes(name)) ?? null;
  if (columns.includes(wanted)) return wanted;
  const found = columns.length === 0 ? "it has no columns" : `it has ${columns.join(", ").slice(0, 200)}`;
  throw new SightlineError("DATA_INVALID", `${path} has no column ${wanted}; ${found}`);
}

/** The physical part an image shows: what the column says, else the file itself. */
export function partOf({ file, metadata }: Pick<LabelledImage, "file" | "metadata">, column: string | null): string {
  const part = column === null ? "" : (metadata[column] ?? "");
  return part === "" ? file : part;
}

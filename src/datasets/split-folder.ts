import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import { writeDurably } from "../platform/durable-file.ts";
import { COCO_FILE } from "./coco-folder.ts";
import { fileColumnOf, nameIn } from "./csv-listing.ts";
import { csvLine, parseCsv } from "../platform/csv.ts";
import { partColumnOf, partOf } from "./part-column.ts";
import { readDataFolder } from "./read-data-folder.ts";
import { SIDES, SPLIT_COLUMN, type SplitReport, splitReport, type SplitShares, sideOf } from "./split.ts";

export interface SplitOptions {
  readonly project: string;
  readonly shares: SplitShares;
  /** Absent: the usual names. */
  readonly partColumn?: string;
  /** Whether parts may leave the sides an earlier split put them on. */
  readonly mayMove: boolean;
}

const PARTS_NAMED = 5;

/**
 * Writes the side of every part into index.csv, and makes that file where the folder has none; rows that cannot be used stay
 * as they are. Throws SightlineError DATA_INVALID for data of other formats, and where parts would change sides.
 */
export async function splitFolder(
  path: string,
  { project, shares, partColumn, mayMove }: SplitOptions,
): Promise<SplitReport & { readonly partColumn: string | null }> {
  if (existsSync(join(path, COCO_FILE))) {
    throw new SightlineError("DATA_INVALID", `${path} holds COCO annotations; make a folder of it with dataset import`);
  }
  const folder = await readDataFolder(path);
  const column = partColumnOf(folder, partColumn);
  const sideOfFile = new Map(
    folder.images.map((image) => [image.file, sideOf(project, partOf(image, column), shares)] as const),
  );
  const moved = folder.images.filter(({ file, metadata }) => {
    const before = SIDES.find((side) => side === metadata[SPLIT_COLUMN]);
    return before !== undefined && before !== sideOfFile.get(file);
  });
  if (moved.length > 0 && !mayMove) {
    const parts = [...new Set(moved.map((image) => partOf(image, column)))];
    const named = `${parts.slice(0, PARTS_NAMED).join(", ")}${parts.length > PARTS_NAMED ? ", …" : ""}`;
    throw new SightlineError(
      "DATA_INVALID",
      `${path}: ${parts.length} parts would change sides (${named}), and a model may have learned from them; ` +
        "give the --project and --shares of the earlier split, or --again to split anew",
    );
  }
  const indexPath = join(path, "index.csv");
  const text = existsSync(indexPath)
    ? withSides(indexPath, await readFile(indexPath, "utf8"), sideOfFile)
    : csvLine(["file", "label", SPLIT_COLUMN]) +
      folder.images.map(({ file, label }) => csvLine([file, label, sideOfFile.get(file) ?? ""])).join("");
  await writeDurably(indexPath, text);
  const images = folder.images.map((image) => ({
    label: image.label,
    part: partOf(image, column),
    side: sideOfFile.get(image.file) ?? "train",
  }));
  return { ...splitReport(images, shares), partColumn: column };
}

function withSides(indexPath: string, text: string, sideOfFile: ReadonlyMap<string, string>): string {
  const { columns, rows, overlongLines } = parseCsv(text);
  if (overlongLines.length > 0) {
    const where = `line ${overlongLines.slice(0, PARTS_NAMED).join(", ")}`;
    throw new SightlineError(
      "DATA_INVALID",
      `${indexPath}, ${where}: more fields than there are columns, which would be lost; put fields with commas in quotes`,
    );
  }
  const kept = columns.includes(SPLIT_COLUMN) ? columns : [...columns, SPLIT_COLUMN];
  const fileColumn = fileColumnOf(columns) ?? "file";
  const present = new Set(sideOfFile.keys());
  const lines = rows.map((row) =>
    csvLine(
      kept.map((name) =>
        name === SPLIT_COLUMN
          ? (sideOfFile.get(nameIn(present, row[fileColumn] ?? "")) ?? row[name] ?? "")
          : (row[name] ?? ""),
      ),
    ),
  );
  return csvLine(kept) + lines.join("");
}

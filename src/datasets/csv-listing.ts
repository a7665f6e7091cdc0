import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import { BOXES_COLUMN, holdsBoxes, parseBoxesCell } from "./boxes-column.ts";
import { parseCsv } from "../platform/csv.ts";
import type { DataFolder, LabelledImage, RefusedFile } from "./data-folder.ts";
import { fileNameFault, maskFileOf, withForwardSlashes } from "./file-name.ts";

/** What others call the columns; the first that is there counts. */
const FILE_COLUMNS = ["file", "filename", "file_name", "image", "path"];
/** Which field belongs where, nobody can tell. */
const OVERLONG = "its row has more fields than there are columns; put fields with commas in quotes";
const LABEL_COLUMNS = ["label", "class", "category"];

/**
 * Images as a CSV lists them: `file,label`, optionally `boxes` (see boxes-column.ts), every other column as metadata.
 * `files` are those present below `path`. Throws SightlineError DATA_INVALID where a column is missing.
 */
export async function readCsvListing(csvPath: string, path: string, files: readonly string[]): Promise<DataFolder> {
  const { columns, rows, lines, overlongLines } = parseCsv(await readFile(csvPath, "utf8"));
  const fileColumn = fileColumnOf(columns);
  const labelColumn = columnOf(columns, LABEL_COLUMNS);
  if (fileColumn === undefined || labelColumn === undefined) {
    const found = columns.length === 0 ? "it is empty" : `it has ${columns.slice(0, 10).join(", ").slice(0, 200)}`;
    throw new SightlineError("DATA_INVALID", `${csvPath} needs the columns file and label; ${found}`);
  }
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined) throw new SightlineError("DATA_INVALID", `${csvPath} has the column ${twice} twice`);
  const marked = columns.includes(BOXES_COLUMN) && holdsBoxes(rows.map((row) => row[BOXES_COLUMN] ?? ""));
  const kept = columns.filter((name) => ![fileColumn, labelColumn, ...(marked ? [BOXES_COLUMN] : [])].includes(name));
  const listing = basename(csvPath);
  const present = new Set(files);
  const listed = new Set<string>();
  const images: LabelledImage[] = [];
  const refused: RefusedFile[] = [];
  const overlong = new Set(overlongLines);
  for (const [index, row] of rows.entries()) {
    const file = nameIn(present, row[fileColumn] ?? "");
    const label = row[labelColumn] ?? "";
    const isOverlong = overlong.has(lines[index] ?? 0);
    const fault = rowFault({ file, label, listing }, listed, present) ?? (isOverlong ? OVERLONG : null);
    listed.add(file);
    if (fault !== null) {
      refused.push({ file, reason: fault });
      continue;
    }
    try {
      const boxes = marked ? parseBoxesCell(row[BOXES_COLUMN] ?? "") : null;
      const metadata = Object.fromEntries(kept.map((name) => [name, row[name] ?? ""]));
      images.push({ path: join(path, file), file, label, metadata, boxes, maskPath: maskPathOf(path, file) });
    } catch (error) {
      refused.push({ file, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  refused.push(
    ...files.filter((file) => !listed.has(file)).map((file) => ({ file, reason: `no label: not in ${listing}` })),
  );
  return { path, images, columns: kept, refused };
}

function rowFault(
  { file, label, listing }: { readonly file: string; readonly label: string; readonly listing: string },
  listed: ReadonlySet<string>,
  present: ReadonlySet<string>,
): string | null {
  if (listed.has(file)) return `listed twice in ${listing}`;
  if (!present.has(file)) return fileNameFault(file) ?? `listed in ${listing} but not there`;
  return label === "" ? `no label in ${listing}` : null;
}

/** The column with the names of the files. */
export const fileColumnOf = (columns: readonly string[]): string | undefined => columnOf(columns, FILE_COLUMNS);

const columnOf = (columns: readonly string[], names: readonly string[]): string | undefined =>
  names.find((name) => columns.includes(name));

/** A name that is there as it stands counts so, even with a backslash in it. */
export const nameIn = (present: ReadonlySet<string>, name: string): string =>
  present.has(name) ? name : withForwardSlashes(name).replace(/^(\.\/)+/, "");

/** The mask of the same name below masks/, where there is one. */
export function maskPathOf(path: string, file: string): string | null {
  const maskPath = join(path, maskFileOf(file));
  return existsSync(maskPath) ? maskPath : null;
}

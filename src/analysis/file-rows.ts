import { SightlineError, messageOf } from "../contracts/errors.ts";
import { parseCsv } from "../platform/csv.ts";

/** One record of a CSV or JSON Lines file; fields as they came. */
export interface FileRow {
  /** Of the file, from 1. */
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface FileRows {
  readonly format: "csv" | "jsonl";
  /** Of a CSV file the header, of JSON Lines every key that occurs. */
  readonly columns: readonly string[];
  readonly rows: readonly FileRow[];
}

export const faultIn = (path: string, line: number | null, what: string): SightlineError =>
  new SightlineError("FILE_INVALID", `${path}${line === null ? "" : `, line ${line}`}: ${what}`);

/** Records of a file in UTF-8, with or without a byte order mark; JSON Lines where it begins with a brace. */
export function readRows(path: string, bytes: Uint8Array): FileRows {
  const text = decoded(path, bytes);
  if (text.trim() === "") throw faultIn(path, null, "the file is empty; it needs a header line and a row a case");
  const found = text.trimStart().startsWith("{") ? jsonRows(path, text) : csvRows(path, text);
  if (found.rows.length === 0) throw faultIn(path, null, "there is a header but no row below it");
  return found;
}

function decoded(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw faultIn(path, null, "this is not text in UTF-8; save it as CSV in UTF-8");
  }
}

function csvRows(path: string, text: string): FileRows {
  const table = tableOf(path, text);
  const [overlong] = table.overlongLines;
  if (overlong !== undefined)
    throw faultIn(
      path,
      overlong,
      `more fields than the ${table.columns.length} columns; put a field with commas in quotes`,
    );
  const twice = table.columns.find((name, index) => name !== "" && table.columns.indexOf(name) !== index);
  if (twice !== undefined) throw faultIn(path, 1, `the column ${twice} is there twice`);
  if (table.columns.length === 1 && /[;\t]/.test(table.columns[0] ?? ""))
    throw faultIn(path, 1, "fields seem to be separated by semicolons or tabs; use commas");
  return {
    format: "csv",
    columns: table.columns,
    rows: table.rows.map((fields, index) => ({ line: table.lines[index] ?? 0, fields })),
  };
}

function tableOf(path: string, text: string) {
  try {
    return parseCsv(text);
  } catch (error) {
    throw faultIn(path, null, messageOf(error));
  }
}

function jsonRows(path: string, text: string): FileRows {
  const rows = text.split("\n").flatMap((content, index): FileRow[] => {
    if (content.trim() === "") return [];
    return [{ line: index + 1, fields: objectIn(path, index + 1, content) }];
  });
  return { format: "jsonl", columns: [...new Set(rows.flatMap(({ fields }) => Object.keys(fields)))], rows };
}

function objectIn(path: string, line: number, content: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw faultIn(path, line, "this is no JSON; JSON Lines have one object on each line");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw faultIn(path, line, "a JSON object is needed on each line");
  return value as Record<string, unknown>;
}

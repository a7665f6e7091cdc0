/** A CSV file by column name; `lines[i]` is the line of the file, from 1, in which `rows[i]` begins. */
export interface CsvTable {
  readonly columns: readonly string[];
  readonly rows: readonly Record<string, string>[];
  readonly lines: readonly number[];
  /** Lines of records with more fields than there are columns, whose further fields are left out. */
  readonly overlongLines: readonly number[];
}

/** Rows of a CSV file by column name (RFC 4180: quoted fields, doubled quotes, CRLF or LF). Short rows get "". */
export function parseCsv(text: string): CsvTable {
  const [header = { fields: [], line: 1 }, ...records] = splitRecords(text.replace(/^\uFEFF/, ""));
  const columns = header.fields.map((name) => name.trim());
  return {
    columns,
    rows: records.map(({ fields }) => Object.fromEntries(columns.map((name, index) => [name, fields[index] ?? ""]))),
    lines: records.map(({ line }) => line),
    overlongLines: records.filter(({ fields }) => fields.length > columns.length).map(({ line }) => line),
  };
}

interface CsvRecord {
  readonly fields: readonly string[];
  readonly line: number;
}

function splitRecords(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let fields: string[] = [];
  let line = 1;
  let nextLine = 1;
  // One field with the separator after it: quoted, or bare.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) throw new Error(`the CSV is broken in line ${nextLine}: a quote is not closed or stands alone`);
    for (const sign of match[0]) if (sign === "\n") nextLine++;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") {
      if (field.lastIndex === text.length) fields.push("");
      else continue;
    }
    if (fields.length > 1 || fields[0] !== "") records.push({ fields, line });
    fields = [];
    line = nextLine;
  }
  return records;
}

/** One CSV record; fields with separators or quotes are quoted. */
export const csvLine = (fields: readonly (string | number)[]): string => `${fields.map(csvField).join(",")}\n`;

function csvField(field: string | number): string {
  const text = String(field);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows of a CSV file by column name (RFC 4180: quoted fields, doubled quotes, CRLF or LF). Short rows get "". */
export function parseCsv(text: string): {
  readonly columns: readonly string[];
  readonly rows: readonly Record<string, string>[];
} {
  const [header = [], ...records] = splitRecords(text.replace(/^\uFEFF/, ""));
  const columns = header.map((name) => name.trim());
  const rows = records.map((record) => Object.fromEntries(columns.map((name, index) => [name, record[index] ?? ""])));
  return { columns, rows };
}

function splitRecords(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  // One field with the separator after it: quoted, or bare.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) throw new Error(`the CSV is broken in line ${records.length + 1}`);
    record.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") {
      if (field.lastIndex === text.length) record.push("");
      else continue;
    }
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
  }
  return records;
}

/** One CSV record; fields with separators or quotes are quoted. */
export const csvLine = (fields: readonly (string | number)[]): string => `${fields.map(csvField).join(",")}\n`;

function csvField(field: string | number): string {
  const text = String(field);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

import { faultIn, type FileRow, type FileRows, readRows } from "./file-rows.ts";
import type { Prediction, ReadFile } from "./predictions.ts";

export const MOST_TAG_CHARACTERS = 100;
const COMMENTS = ["comment", "comments", "note", "notes", "label", "predicted"];
const YES = ["1", "x", "yes", "y", "true", "✓", "✔"];
const NO = ["", "0", "no", "n", "false", "-"];

export interface TaggedId {
  readonly id: string;
  readonly tags: readonly string[];
}

/**
 * Tags by id, in any of three shapes: `id,tag` with a row a tag; `id,tags` with semicolons (or an array in JSON Lines); or
 * a spreadsheet with a column a tag and a mark (1, x, yes, true) in it. Columns called comment or note are left out.
 */
export function readTags(path: string, bytes: Uint8Array): ReadFile<TaggedId> {
  const file = readRows(path, bytes);
  if (!file.columns.includes("id"))
    throw faultIn(path, 1, `the column id is missing; there are ${file.columns.slice(0, 20).join(", ")}`);
  const tagsOf = new Map<string, string[]>();
  for (const row of file.rows) {
    const id = String(row.fields["id"] ?? "").trim();
    if (id === "") throw faultIn(path, row.line, "id is empty");
    const known = tagsOf.get(id) ?? [];
    const added = tagsIn(path, file, row).filter((tag) => !known.includes(tag));
    tagsOf.set(id, [...known, ...added]);
  }
  return { items: [...tagsOf].map(([id, tags]) => ({ id, tags })), warnings: [] };
}

function tagsIn(path: string, { columns, format }: FileRows, row: FileRow): string[] {
  const column = columns.find((name) => name === "tags" || name === "tag");
  if (column !== undefined) {
    const value = row.fields[column];
    const words: unknown[] = Array.isArray(value) ? value : [value ?? ""];
    return column === "tag"
      ? words.flatMap((word) => tagOf(path, row.line, String(word)))
      : splitTags(path, row.line, words.map(String).join(";"));
  }
  if (format === "jsonl") throw faultIn(path, row.line, "tags is missing; JSON Lines need {id, tags: [words]}");
  return columns.flatMap((name) => {
    if (name === "" || name === "id" || COMMENTS.includes(name.toLowerCase())) return [];
    const mark = String(row.fields[name] ?? "")
      .trim()
      .toLowerCase();
    if (YES.includes(mark)) return tagOf(path, row.line, name);
    if (NO.includes(mark)) return [];
    throw faultIn(
      path,
      row.line,
      `${name.slice(0, 40)} is ${mark.slice(0, 40)}: mark a tag with 1 or x, or give the columns id,tags`,
    );
  });
}

/** Words between semicolons, each once. */
export const splitTags = (path: string, line: number, text: string): string[] => [
  ...new Set(text.split(";").flatMap((word) => tagOf(path, line, word))),
];

function tagOf(path: string, line: number, word: string): string[] {
  const tag = word.trim().replace(/\s+/g, " ");
  if (tag.length > MOST_TAG_CHARACTERS)
    throw faultIn(
      path,
      line,
      `a tag of ${tag.length} characters (${tag.slice(0, 30)}…); at most ${MOST_TAG_CHARACTERS} are allowed`,
    );
  return tag === "" ? [] : [tag];
}

/** Predictions with the tags of a file added to their own; ids that no prediction has are told. */
export function withTags(
  path: string,
  predictions: readonly Prediction[],
  tagged: readonly TaggedId[],
): ReadFile<Prediction> {
  const tagsOf = new Map(tagged.map(({ id, tags }) => [id, tags]));
  const ids = new Set(predictions.map(({ id }) => id));
  const strangers = tagged.filter(({ id }) => !ids.has(id)).map(({ id }) => id);
  if (tagged.length > 0 && strangers.length === tagged.length)
    throw faultIn(path, null, `none of its ids is among the predictions (its first is ${strangers[0]?.slice(0, 60)})`);
  const items = predictions.map((prediction) => ({
    ...prediction,
    tags: [...new Set([...prediction.tags, ...(tagsOf.get(prediction.id) ?? [])])],
  }));
  const named = strangers.slice(0, 3).join(", ");
  const more = strangers.length > 3 ? ` and ${strangers.length - 3} more` : "";
  return {
    items,
    warnings: strangers.length === 0 ? [] : [`${path}: tagged but not among the predictions: ${named}${more}`],
  };
}

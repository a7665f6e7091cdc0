import { nearestWord } from "../platform/nearest-word.ts";
import { type Split, SPLITS } from "./diagnose.ts";
import { faultIn, type FileRow, type FileRows, readRows } from "./file-rows.ts";
import type { Prediction, ReadFile } from "./predictions.ts";
import { splitTags } from "./read-tags.ts";

const REQUIRED = ["id", "label", "predicted"] as const;
const SCORE_PREFIX = "score_";
/** Columns with a meaning; every other one is metadata. */
const KNOWN = ["split", "group", "part", "model_version", "scores", "embedding", "second_label", "tags"] as const;
const MOST_TEXT = 256;

const SPLIT_NAMES: Readonly<Record<string, Split>> = {
  ...Object.fromEntries(SPLITS.map((split) => [split, split])),
  training: "train",
  val: "validation",
  valid: "validation",
  dev: "validation",
  prod: "production",
};

/**
 * Predictions of any classifier, CSV or JSON Lines: `id`, `label`, `predicted`; where there are, `split` (validation
 * unless told), `group` or `part`, `model_version`, `score_CLASS` columns or a `scores` object, `embedding` (JSON array),
 * `second_label`, `tags` (with semicolons). Anything else is metadata. Throws FILE_INVALID with the line.
 */
export function readPredictions(path: string, bytes: Uint8Array): ReadFile<Prediction> {
  const file = readRows(path, bytes);
  for (const name of REQUIRED) if (!file.columns.includes(name)) throw missingColumn(path, file, name);
  const items = file.rows.map((row) => predictionIn(path, row));
  checkIds(path, file, items);
  checkClasses(path, file, items);
  checkEmbeddings(path, file, items);
  return { items, warnings: oddities(items) };
}

function missingColumn(path: string, { columns, format, rows }: FileRows, name: string): Error {
  const meant = nearestWord(name, columns);
  const hint = meant === undefined ? "" : `; should ${meant} be called ${name}?`;
  const line = format === "csv" ? 1 : (rows[0]?.line ?? 1);
  return faultIn(path, line, `the column ${name} is missing; there are ${columns.slice(0, 20).join(", ")}${hint}`);
}

function predictionIn(path: string, row: FileRow): Prediction {
  const text = (name: string): string => textIn(path, row, name);
  const needed = (name: string): string => {
    const value = text(name);
    if (value === "") throw faultIn(path, row.line, `${name} is empty`);
    return value;
  };
  const id = needed("id");
  const group = text("group") || text("part") || id;
  return {
    id,
    label: needed("label"),
    predicted: needed("predicted"),
    split: splitIn(path, row.line, text("split")),
    group,
    modelVersion: text("model_version") || null,
    scores: scoresIn(path, row),
    embedding: embeddingIn(path, row),
    secondLabel: text("second_label") || null,
    metadata: metadataIn(path, row),
    tags: tagsIn(path, row),
  };
}

/** A word or number as trimmed text; "" where it is absent. */
function textIn(path: string, { line, fields }: FileRow, name: string): string {
  const value = fields[name];
  if (value === undefined || value === null) return "";
  if (typeof value === "object") throw faultIn(path, line, `${name} must be a word or a number`);
  const text = String(value).trim();
  if (text.length > MOST_TEXT)
    throw faultIn(path, line, `${name} has ${text.length} characters; at most ${MOST_TEXT} are allowed`);
  return text;
}

function splitIn(path: string, line: number, name: string): Split {
  if (name === "") return "validation";
  const split = SPLIT_NAMES[name.toLowerCase()];
  if (split === undefined) throw faultIn(path, line, `split ${name.slice(0, 40)}: use ${SPLITS.join(", ")}`);
  return split;
}

function scoresIn(path: string, row: FileRow): Record<string, number> | null {
  const scores: Record<string, number> = {};
  const add = (name: string, value: unknown): void => {
    if (value === "" || value === null || value === undefined) return;
    const score = typeof value === "string" ? Number(value) : value;
    if (typeof score !== "number" || !Number.isFinite(score))
      throw faultIn(path, row.line, `the score of ${name} is no number`);
    scores[name] = score;
  };
  for (const [column, value] of Object.entries(row.fields)) {
    if (column.startsWith(SCORE_PREFIX)) add(column.slice(SCORE_PREFIX.length), value);
  }
  const given = parsed(path, row, "scores");
  if (given !== null) {
    if (typeof given !== "object" || Array.isArray(given))
      throw faultIn(path, row.line, "scores must be a JSON object of numbers by class");
    for (const [name, value] of Object.entries(given)) add(name, value);
  }
  return Object.keys(scores).length === 0 ? null : scores;
}

function embeddingIn(path: string, row: FileRow): Float32Array | null {
  const given = parsed(path, row, "embedding");
  if (given === null) return null;
  if (!Array.isArray(given) || given.length === 0 || !given.every((value) => Number.isFinite(value)))
    throw faultIn(path, row.line, "embedding must be a JSON array of numbers");
  return Float32Array.from(given as number[]);
}

/** Of CSV the field as JSON, of JSON Lines as it is; null where it is absent. */
function parsed(path: string, { line, fields }: FileRow, name: string): object | null {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "object") return value;
  try {
    const found: unknown = JSON.parse(String(value));
    if (typeof found === "object" && found !== null) return found;
  } catch {
    // Told below, as for a number or a word.
  }
  throw faultIn(path, line, `${name} must be JSON`);
}

function metadataIn(path: string, row: FileRow): Record<string, string> {
  const names = Object.keys(row.fields).filter(
    (name) =>
      name !== "" &&
      !name.startsWith(SCORE_PREFIX) &&
      !REQUIRED.some((known) => known === name) &&
      !KNOWN.some((known) => known === name),
  );
  return Object.fromEntries(names.map((name) => [name, textIn(path, row, name)]));
}

function tagsIn(path: string, row: FileRow): string[] {
  const value = row.fields["tags"];
  if (value === undefined || value === null) return [];
  const words: unknown[] = Array.isArray(value) ? value : [value];
  return splitTags(path, row.line, words.map(String).join(";"));
}

function checkIds(path: string, { rows }: FileRows, items: readonly Prediction[]): void {
  const lineOf = new Map<string, number>();
  items.forEach(({ id, modelVersion }, index) => {
    const key = JSON.stringify([id, modelVersion]);
    const line = rows[index]?.line ?? 0;
    const before = lineOf.get(key);
    if (before !== undefined) {
      const version = modelVersion === null ? "" : ` for model_version ${modelVersion}`;
      throw faultIn(path, line, `the id ${id} is there twice${version}, first in line ${before}`);
    }
    lineOf.set(key, line);
  });
}

/** Where there are scores, they name the classes: a label that is none of them is a slip of the pen. */
function checkClasses(path: string, { rows }: FileRows, items: readonly Prediction[]): void {
  const classes = [...new Set(items.flatMap(({ scores }) => Object.keys(scores ?? {})))];
  if (classes.length === 0) return;
  items.forEach(({ label, predicted }, index) => {
    for (const [what, word] of Object.entries({ label, predicted })) {
      if (classes.includes(word)) continue;
      const meant = nearestWord(word, classes);
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      throw faultIn(
        path,
        rows[index]?.line ?? 0,
        `the ${what} ${word} is none of the classes with scores (${classes.slice(0, 20).join(", ")})${hint}`,
      );
    }
  });
}

function checkEmbeddings(path: string, { rows }: FileRows, items: readonly Prediction[]): void {
  const size = items.find(({ embedding }) => embedding !== null)?.embedding?.length;
  items.forEach(({ embedding }, index) => {
    if (embedding === null || embedding.length === size) return;
    throw faultIn(path, rows[index]?.line ?? 0, `the embedding has ${embedding.length} numbers, others have ${size}`);
  });
}

function oddities(items: readonly Prediction[]): string[] {
  const labels = new Set(items.map(({ label }) => label));
  const predicted = new Set(items.map((item) => item.predicted));
  const warnings: string[] = [];
  for (const word of predicted) {
    if (labels.has(word)) continue;
    const meant = nearestWord(word, [...labels]);
    const hint = meant === undefined ? "" : `; is it ${meant}?`;
    warnings.push(`the predicted class ${word} is nobody's label${hint}`);
  }
  if (labels.size > MOST_LABELS) warnings.push(`there are ${labels.size} different labels: is label really a class?`);
  return warnings;
}

const MOST_LABELS = 200;

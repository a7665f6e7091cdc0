import { z } from "zod";
import { comparePaired, type PairedComparison, type PairedFrame } from "../../analysis/paired-comparison.ts";
import { SPLIT_COLUMN } from "../../datasets/split.ts";
import type { Database } from "../store/database.ts";
import { type TestSide, testItems } from "./test-sets.ts";

const Verdict = z.enum(["pass", "reject", "review", "fault"]);
/** Values of a column above this are names of parts or readings, no slices. */
const MOST_VALUES = 24;
const MOST_LISTED = 200;
const IMAGES_AT_ONCE = 500;

export interface Judged {
  readonly verdict: z.infer<typeof Verdict>;
  readonly class: string | null;
  readonly ngScore: number | null;
}

/** A frame on which the models part ways, with the case it came from. */
export interface TurnedFrame {
  readonly image: string;
  readonly caseId: string | null;
  readonly part: string;
  readonly label: string;
  readonly before: Judged;
  readonly after: Judged;
}

export interface ModelComparison extends Omit<PairedComparison, "fixed" | "broken"> {
  readonly fixed: readonly TurnedFrame[];
  readonly broken: readonly TurnedFrame[];
}

export interface ComparisonWish {
  readonly project: string;
  readonly datasetSha256: string;
  readonly side: TestSide;
  /** Ids of model versions that were judged on the test set. */
  readonly before: string;
  readonly after: string;
}

/** Two model versions on the frames of a test set that both judged; tags are those that the cases carry now. */
export async function compareModels(database: Database, wish: ComparisonWish): Promise<ModelComparison> {
  const items = await testItems(database, wish.datasetSha256, wish.side);
  const [before, after] = await Promise.all([
    framesOf(database, wish, wish.before),
    framesOf(database, wish, wish.after),
  ]);
  const good = await goodLabels(database, wish.project);
  const cases = await casesOf(
    database,
    wish.project,
    items.map(({ image }) => image),
  );
  const columns = sliceColumns(items.map(({ metadata }) => metadata));
  const turned = new Map<string, TurnedFrame>();
  const paired = items.flatMap((item): PairedFrame[] => {
    const [was, is] = [before.get(item.image), after.get(item.image)];
    if (was === undefined || is === undefined) return [];
    const found = cases.get(item.image);
    turned.set(item.image, {
      ...{ image: item.image, caseId: found?.id ?? null, part: item.part, label: item.label, before: was, after: is },
    });
    const metadata = columns.flatMap((column) => {
      const value = item.metadata[column];
      return value === undefined ? [] : [[column, value] as const];
    });
    return [
      {
        ...{
          id: item.image,
          part: item.part,
          defective: !good.has(item.label),
          before: was.verdict,
          after: is.verdict,
        },
        ...{ tags: found?.tags ?? [], metadata: { label: item.label, ...Object.fromEntries(metadata) } },
      },
    ];
  });
  const { fixed, broken, ...compared } = comparePaired(paired);
  const listed = (images: readonly string[]): TurnedFrame[] =>
    images.slice(0, MOST_LISTED).flatMap((image) => turned.get(image) ?? []);
  return { ...compared, fixed: listed(fixed), broken: listed(broken) };
}

async function framesOf({ query }: Database, { datasetSha256 }: ComparisonWish, modelId: string) {
  const rows = await query
    .selectFrom("evaluation_frames")
    .select(["image_sha256", "verdict", "class", "ng_score"])
    .where("model_id", "=", modelId)
    .where("dataset_sha256", "=", datasetSha256)
    .execute();
  return new Map(
    rows.map((row): [string, Judged] => [
      row.image_sha256,
      { verdict: Verdict.parse(row.verdict), class: row.class, ngScore: row.ng_score },
    ]),
  );
}

/** Labels of good parts by the project, or the usual words where it names no classes. */
async function goodLabels({ query }: Database, project: string): Promise<ReadonlySet<string>> {
  const row = await query.selectFrom("projects").select("classes_json").where("id", "=", project).executeTakeFirst();
  const classes = z
    .array(z.object({ name: z.string(), kind: z.string() }))
    .parse(JSON.parse(row?.classes_json ?? "[]"));
  const named = classes.filter(({ kind }) => kind === "good").map(({ name }) => name);
  return new Set(named.length > 0 ? named : ["good", "free", "ok", "normal", "pass"]);
}

async function casesOf({ query }: Database, project: string, images: readonly string[]) {
  const found = new Map<string, { readonly id: string; readonly tags: string[] }>();
  for (let from = 0; from < images.length; from += IMAGES_AT_ONCE) {
    const rows = await query
      .selectFrom("cases")
      .leftJoin("case_tags", "case_tags.case_row", "cases.row")
      .leftJoin("tags", "tags.id", "case_tags.tag_id")
      .select(["cases.id", "cases.image_sha256", "tags.name"])
      .where("cases.project_id", "=", project)
      .where("cases.image_sha256", "in", images.slice(from, from + IMAGES_AT_ONCE))
      .orderBy("cases.row")
      .execute();
    for (const { id, image_sha256, name } of rows) {
      const entry = found.get(image_sha256) ?? { id, tags: [] };
      if (name !== null && !entry.tags.includes(name)) entry.tags.push(name);
      found.set(image_sha256, entry);
    }
  }
  return found;
}

function sliceColumns(metadata: readonly Readonly<Record<string, string>>[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const record of metadata) {
    for (const [column, value] of Object.entries(record)) {
      if (column === SPLIT_COLUMN) continue;
      values.set(column, (values.get(column) ?? new Set()).add(value));
    }
  }
  return [...values].filter(([, seen]) => seen.size > 1 && seen.size <= MOST_VALUES).map(([column]) => column);
}

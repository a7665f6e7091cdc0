import type { Insertable, Transaction } from "kysely";
import { SightlineError } from "../../contracts/errors.ts";
import type { VerdictKind } from "../../contracts/verdict.ts";
import type { Database } from "../store/database.ts";
import type { Outcome, Tables } from "../store/tables.ts";
import type { LabelBox } from "./case-row.ts";
import { addFacets, type FacetEntry, inChunks, removeFacet } from "./facet-lists.ts";
import { labelFacets } from "./facets.ts";
import { type LockedCase, lockCases } from "./locked-cases.ts";
import { CountMoves } from "./outcome-counts.ts";
import { outcomeOf } from "./outcome.ts";

export interface ProjectClass {
  readonly name: string;
  readonly kind: "good" | "defect";
}

export interface NewLabel {
  readonly caseId: string;
  readonly label: string;
  readonly by: string;
  /** Unix ms. */
  readonly at: number;
  /** Given without seeing the model's verdict or other labels: for agreement only. */
  readonly blind: boolean;
  readonly boxes: readonly LabelBox[];
  /** Of the project; `label` is one of them. */
  readonly classes: readonly ProjectClass[];
}

/** What counts for a case now. */
export interface LabelledCase {
  readonly caseId: string;
  readonly label: string | null;
  readonly labelDefect: boolean | null;
  readonly outcome: Outcome | null;
}

/**
 * Adds a label. The newest that is neither blind nor undone counts. Throws SightlineError UNKNOWN_CASE, or CASE_REFUSED
 * where the label is no class of the project.
 */
export async function labelCase(database: Database, label: NewLabel): Promise<LabelledCase> {
  const [labelled] = await labelCases(database, [label]);
  if (labelled === undefined) throw new SightlineError("UNKNOWN_CASE", `the hub has no case ${label.caseId}`);
  return labelled;
}

/** The same for many cases, each labelled once: all of them or, where it throws, none. */
export async function labelCases(database: Database, labels: readonly NewLabel[]): Promise<LabelledCase[]> {
  for (const { label, boxes, classes } of labels) {
    for (const name of [label, ...boxes.map((box) => box.class)]) kindOf(name, classes);
  }
  const labelOf = new Map(labels.map((label) => [label.caseId, label]));
  return database.query.transaction().execute(async (transaction) => {
    const cases = await lockCases(database, transaction, [...labelOf.keys()]);
    const entries = cases.flatMap((found) => {
      const label = labelOf.get(found.id);
      return label === undefined ? [] : [entryOf(found, label)];
    });
    for (const some of inChunks(entries)) await transaction.insertInto("labels").values(some).execute();
    return settle(database, transaction, cases);
  });
}

const entryOf = (found: LockedCase, label: NewLabel): Insertable<Tables["labels"]> => ({
  case_row: found.row,
  label: label.label,
  label_defect: kindOf(label.label, label.classes) === "defect" ? 1 : 0,
  outcome: judge(found, label),
  by_user: label.by,
  at: label.at,
  blind: label.blind ? 1 : 0,
  boxes_json: JSON.stringify(label.boxes),
  undone_at: null,
});

export interface Undo {
  readonly caseId: string;
  readonly by: string;
  /** Unix ms. */
  readonly at: number;
}

/** Takes back the newest label that `by` gave to the case and has not undone yet; nothing where there is none. */
export async function undoLabel(database: Database, { caseId, by, at }: Undo): Promise<LabelledCase> {
  return database.query.transaction().execute(async (transaction) => {
    const cases = await lockCases(database, transaction, [caseId]);
    const [found] = cases;
    if (found === undefined) throw new SightlineError("UNKNOWN_CASE", `the hub has no case ${caseId}`);
    const newest = await transaction
      .selectFrom("labels")
      .select("row")
      .where("case_row", "=", found.row)
      .where("by_user", "=", by)
      .where("undone_at", "is", null)
      .orderBy("row", "desc")
      .executeTakeFirst();
    if (newest !== undefined) {
      await transaction.updateTable("labels").set({ undone_at: at }).where("row", "=", newest.row).execute();
    }
    const [settled] = await settle(database, transaction, cases);
    return settled ?? { caseId, label: null, labelDefect: null, outcome: null };
  });
}

function kindOf(name: string, classes: readonly ProjectClass[]): "good" | "defect" {
  const kind = classes.find((known) => known.name === name)?.kind;
  if (kind !== undefined) return kind;
  const known = classes.map(({ name: one }) => one).join(", ");
  throw new SightlineError("CASE_REFUSED", `"${name}" is no class of the project; it has ${known}`);
}

const judge = (found: LockedCase, { label, classes }: NewLabel): Outcome =>
  outcomeOf({
    verdict: found.verdict as VerdictKind,
    class: found.class,
    label,
    labelDefect: kindOf(label, classes) === "defect",
    goodClasses: classes.filter(({ kind }) => kind === "good").map(({ name }) => name),
  });

type Standing = Pick<LockedCase, "label" | "label_defect" | "outcome">;
const UNLABELLED: Standing = { label: null, label_defect: null, outcome: null };

/** Writes into the cases what their labels say now, and moves them to their cells of the error table. */
async function settle(
  database: Database,
  transaction: Transaction<Tables>,
  cases: readonly LockedCase[],
): Promise<LabelledCase[]> {
  const standings = await standingsOf(transaction, cases);
  const moves = new CountMoves();
  const added: FacetEntry[] = [];
  for (const found of cases) {
    const now = standings.get(found.row) ?? UNLABELLED;
    if (now.label === found.label && now.outcome === found.outcome && now.label_defect === found.label_defect) continue;
    await transaction
      .updateTable("cases")
      .set({ ...now, label_suspicion: null }) // it was of the label before
      .where("row", "=", found.row)
      .execute();
    const before = labelFacets(found.project_id, found);
    const after = labelFacets(found.project_id, now);
    for (const facet of before.filter((one) => !after.includes(one)))
      await removeFacet(transaction, facet, [found.row]);
    added.push(...after.map((facet) => ({ facet, case_row: found.row })));
    const cell = { project: found.project_id, modelVersion: found.model_version, tagSet: found.tag_set };
    moves.move({ ...cell, outcome: found.outcome }, { ...cell, outcome: now.outcome });
  }
  await addFacets(database, transaction, added);
  await moves.write(transaction);
  return cases.map((found) => labelledOf(found.id, standings.get(found.row) ?? UNLABELLED));
}

/** Of every case the newest label that is neither blind nor undone, by row. */
async function standingsOf(
  transaction: Transaction<Tables>,
  cases: readonly LockedCase[],
): Promise<Map<number, Standing>> {
  const standings = new Map<number, Standing>();
  for (const some of inChunks(cases)) {
    const labels = await transaction
      .selectFrom("labels")
      .select(["case_row", "label", "label_defect", "outcome"])
      .where(
        "case_row",
        "in",
        some.map(({ row }) => row),
      )
      .where("blind", "=", 0)
      .where("undone_at", "is", null)
      .orderBy("row")
      .execute();
    for (const { case_row, ...standing } of labels) standings.set(case_row, standing);
  }
  return standings;
}

const labelledOf = (caseId: string, { label, label_defect, outcome }: Standing): LabelledCase => ({
  caseId,
  label,
  labelDefect: label_defect === null ? null : label_defect === 1,
  outcome,
});

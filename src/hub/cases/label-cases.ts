import type { Transaction } from "kysely";
import { SightlineError } from "../../contracts/errors.ts";
import type { VerdictKind } from "../../contracts/verdict.ts";
import type { Database } from "../store/database.ts";
import type { Outcome, Tables } from "../store/tables.ts";
import type { LabelBox } from "./case-row.ts";
import { addFacets, removeFacet } from "./facet-lists.ts";
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
  for (const name of [label.label, ...label.boxes.map((box) => box.class)]) kindOf(name, label.classes);
  return database.query.transaction().execute(async (transaction) => {
    const [found] = await lockCases(database, transaction, [label.caseId]);
    if (found === undefined) throw new SightlineError("UNKNOWN_CASE", `the hub has no case ${label.caseId}`);
    await transaction
      .insertInto("labels")
      .values({
        case_row: found.row,
        label: label.label,
        label_defect: kindOf(label.label, label.classes) === "defect" ? 1 : 0,
        outcome: judge(found, label),
        by_user: label.by,
        at: label.at,
        blind: label.blind ? 1 : 0,
        boxes_json: JSON.stringify(label.boxes),
        undone_at: null,
      })
      .execute();
    return settle(transaction, found);
  });
}

export interface Undo {
  readonly caseId: string;
  readonly by: string;
  /** Unix ms. */
  readonly at: number;
}

/** Takes back the newest label that `by` gave to the case and has not undone yet; nothing where there is none. */
export async function undoLabel(database: Database, { caseId, by, at }: Undo): Promise<LabelledCase> {
  return database.query.transaction().execute(async (transaction) => {
    const [found] = await lockCases(database, transaction, [caseId]);
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
    return settle(transaction, found);
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

/** Writes into the case what its labels say now, and moves it to its cell of the error table. */
async function settle(transaction: Transaction<Tables>, found: LockedCase): Promise<LabelledCase> {
  const counting = await transaction
    .selectFrom("labels")
    .select(["label", "label_defect", "outcome"])
    .where("case_row", "=", found.row)
    .where("blind", "=", 0)
    .where("undone_at", "is", null)
    .orderBy("row", "desc")
    .executeTakeFirst();
  const now = counting ?? { label: null, label_defect: null, outcome: null };
  if (now.label !== found.label || now.outcome !== found.outcome || now.label_defect !== found.label_defect) {
    await transaction
      .updateTable("cases")
      .set({ ...now, label_suspicion: null }) // it was of the label before
      .where("row", "=", found.row)
      .execute();
    const before = labelFacets(found.project_id, found);
    const after = labelFacets(found.project_id, now);
    for (const facet of before.filter((one) => !after.includes(one)))
      await removeFacet(transaction, facet, [found.row]);
    await addFacets(
      transaction,
      after.map((facet) => ({ facet, case_row: found.row })),
    );
    const cell = { project: found.project_id, modelVersion: found.model_version, tagSet: found.tag_set };
    const moves = new CountMoves();
    moves.move({ ...cell, outcome: found.outcome }, { ...cell, outcome: now.outcome });
    await moves.write(transaction);
  }
  return {
    caseId: found.id,
    label: now.label,
    labelDefect: now.label_defect === null ? null : now.label_defect === 1,
    outcome: now.outcome,
  };
}

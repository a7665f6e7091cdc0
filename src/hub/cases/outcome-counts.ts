import { sql, type Transaction } from "kysely";
import type { Database } from "../store/database.ts";
import type { Outcome, Tables } from "../store/tables.ts";
import { tagIdsOf } from "./case-row.ts";

/** Labelled cases with the same model version, outcome and tags: what the error table adds up. */
export interface OutcomeCount {
  readonly modelVersion: string;
  readonly outcome: Outcome;
  readonly tagIds: readonly number[];
  readonly cases: number;
}

export async function outcomeCounts(database: Database, project: string): Promise<OutcomeCount[]> {
  const cells = await database.query
    .selectFrom("outcome_counts")
    .select(["model_version", "outcome", "tag_set", "cases"])
    .where("project_id", "=", project)
    .where("cases", ">", 0)
    .orderBy("model_version")
    .orderBy("outcome")
    .orderBy("tag_set")
    .execute();
  return cells.map(({ model_version, outcome, tag_set, cases }) => ({
    modelVersion: model_version,
    outcome,
    tagIds: tagIdsOf(tag_set),
    cases,
  }));
}

/** Where a case is counted; null: it is not labelled. */
export interface Cell {
  readonly project: string;
  readonly modelVersion: string;
  readonly outcome: Outcome | null;
  readonly tagSet: string;
}

/** Moves of cases from one cell to another within a transaction, written at once. */
export class CountMoves {
  readonly #changes = new Map<string, { cell: Cell & { outcome: Outcome }; change: number }>();

  move(from: Cell, to: Cell): void {
    this.#add(from, -1);
    this.#add(to, 1);
  }

  #add({ outcome, ...rest }: Cell, change: number): void {
    if (outcome === null) return;
    const cell = { ...rest, outcome };
    const key = JSON.stringify([cell.project, cell.modelVersion, outcome, cell.tagSet]);
    this.#changes.set(key, { cell, change: (this.#changes.get(key)?.change ?? 0) + change });
  }

  /** Always in the same order, so that two transactions never wait for each other. */
  async write(transaction: Transaction<Tables>): Promise<void> {
    const changes = [...this.#changes].filter(([, { change }]) => change !== 0);
    for (const [, { cell, change }] of changes.sort(([left], [right]) => (left < right ? -1 : 1))) {
      await transaction
        .insertInto("outcome_counts")
        .values({
          project_id: cell.project,
          model_version: cell.modelVersion,
          outcome: cell.outcome,
          tag_set: cell.tagSet,
          cases: change,
        })
        .onConflict((conflict) =>
          conflict
            .columns(["project_id", "model_version", "outcome", "tag_set"])
            .doUpdateSet({ cases: sql<number>`outcome_counts.cases + excluded.cases` }),
        )
        .execute();
    }
    const emptied = changes.filter(([, { change }]) => change < 0).map(([, { cell }]) => cell);
    for (const cell of emptied) {
      await transaction
        .deleteFrom("outcome_counts")
        .where("project_id", "=", cell.project)
        .where("model_version", "=", cell.modelVersion)
        .where("outcome", "=", cell.outcome)
        .where("tag_set", "=", cell.tagSet)
        .where("cases", "=", 0)
        .execute();
    }
  }
}

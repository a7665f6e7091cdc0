import type { Database } from "../store/database.ts";
import { type CaseSummary, summariesOf } from "./case-row.ts";
import { norm, sketchOf } from "./sketch.ts";
import { SketchList } from "./sketch-list.ts";
import { vectorOfBytes } from "./vector-bytes.ts";

export interface SimilarCase {
  readonly case: CaseSummary;
  /** Cosine of the embeddings, -1 to 1. */
  readonly similarity: number;
}

/** Candidates whose full embeddings are compared, a case asked for; and at least. */
const RERANKED_EACH = 20;
const RERANKED_LEAST = 400;
const PAGE = 20_000;
/** With PostgreSQL a row may become visible after a later one did: so many are looked at again. */
const LATE_ROWS = 256;

/** All sketches of a database in memory, a list for each project and model, brought up to date before every search. */
export class SketchIndex {
  readonly #database: Database;
  readonly #lists = new Map<string, SketchList>();
  readonly #recent = new Set<number>();
  #lastRow = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Reads what has come since; the first time everything, some seconds a million. */
  async refresh(): Promise<void> {
    const late = this.#database.engine === "postgres" ? LATE_ROWS : 0;
    for (let after = this.#lastRow - late; ;) {
      const page = await this.#database.query
        .selectFrom("sketches")
        .selectAll()
        .where("case_row", ">", after)
        .orderBy("case_row")
        .limit(PAGE)
        .execute();
      for (const { case_row, project_id, model_sha256, sketch } of page) {
        if (late > 0) {
          if (this.#recent.has(case_row)) continue;
          this.#recent.add(case_row);
        }
        this.#listOf(project_id, model_sha256).add(case_row, vectorOfBytes(sketch));
      }
      const last = page.at(-1)?.case_row;
      if (last !== undefined) this.#lastRow = Math.max(this.#lastRow, last);
      this.#forget();
      if (last === undefined || page.length < PAGE) return;
      after = last;
    }
  }

  /** The `count` cases whose embeddings are nearest, the nearest first; none where the case has no embedding. */
  async similarTo(caseId: string, count: number): Promise<SimilarCase[]> {
    const { query } = this.#database;
    const asked = await query
      .selectFrom("embeddings")
      .innerJoin("cases", "cases.row", "embeddings.case_row")
      .select(["cases.row", "cases.project_id", "embeddings.model_sha256", "embeddings.vector"])
      .where("cases.id", "=", caseId)
      .executeTakeFirst();
    if (asked === undefined) return [];
    await this.refresh();
    const vector = vectorOfBytes(asked.vector);
    const wanted = Math.max(RERANKED_LEAST, count * RERANKED_EACH);
    const near = this.#listOf(asked.project_id, asked.model_sha256).nearest(sketchOf(vector), wanted);
    const candidates = await query
      .selectFrom("embeddings")
      .select(["case_row", "vector"])
      .where("case_row", "in", near.slice(0, wanted * 4))
      .where("case_row", "!=", asked.row)
      .execute();
    const ranked = candidates
      .map(({ case_row, vector: other }) => ({ row: case_row, similarity: cosine(vector, vectorOfBytes(other)) }))
      .sort((left, right) => right.similarity - left.similarity || right.row - left.row)
      .slice(0, count);
    const summaries = await summariesOf(
      this.#database,
      ranked.map(({ row }) => row),
    );
    const similarityOf = new Map(ranked.map(({ row, similarity }) => [row, similarity]));
    return summaries.map((summary) => ({ case: summary, similarity: similarityOf.get(summary.row) ?? 0 }));
  }

  #listOf(project: string, modelSha256: string): SketchList {
    const key = `${modelSha256} ${project}`;
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = new SketchList();
    this.#lists.set(key, list);
    return list;
  }

  #forget(): void {
    for (const row of this.#recent) if (row <= this.#lastRow - LATE_ROWS) this.#recent.delete(row);
  }
}

function cosine(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += (left[at] ?? 0) * (right[at] ?? 0);
  return sum / (norm(left) * norm(right) || 1);
}

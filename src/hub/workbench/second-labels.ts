import { sql } from "kysely";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Database } from "../store/database.ts";

interface SecondQueue {
  readonly cases: readonly { readonly id: string }[];
  /** Of those looked at: the queue is bounded. */
  readonly total: number;
}

const MOST_QUEUED = 1000;

/**
 * Cases whose counting label another person gave and that `by` has never labelled: a second label of these is independent.
 * The newest labels first, so that agreement is of the present rules of labelling.
 */
export async function secondLabelQueue(
  database: Database,
  { project, by, count }: { readonly project: string; readonly by: string; readonly count: number },
): Promise<SecondQueue> {
  const { rows } = await sql<{ id: string }>`
    SELECT cases.id AS id FROM (
      SELECT case_row, max(row) AS newest FROM labels WHERE undone_at IS NULL AND blind = 0
      GROUP BY case_row ORDER BY newest DESC LIMIT 20000) AS labelled
    JOIN cases ON cases.row = labelled.case_row
    WHERE cases.project_id = ${project} AND cases.label IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM labels AS own WHERE own.case_row = cases.row AND own.by_user = ${by} AND own.undone_at IS NULL)
      AND NOT EXISTS (SELECT 1 FROM labels AS second WHERE second.case_row = cases.row AND second.blind = 1 AND second.undone_at IS NULL)
    ORDER BY labelled.newest DESC LIMIT ${MOST_QUEUED}`.execute(database.query);
  return { cases: rows.slice(0, count), total: rows.length };
}

/**
 * Throws 409 where `by` has given this case a label that is not blind: agreement of a person with themselves says nothing
 * of how well people agree.
 */
export async function requireSecond(
  { query }: Database,
  { caseId, by }: { readonly caseId: string; readonly by: string },
): Promise<void> {
  const own = await query
    .selectFrom("labels")
    .innerJoin("cases", "cases.row", "labels.case_row")
    .select("labels.row")
    .where("cases.id", "=", caseId)
    .where("labels.by_user", "=", by)
    .where("labels.blind", "=", 0)
    .where("labels.undone_at", "is", null)
    .limit(1)
    .executeTakeFirst();
  if (own === undefined) return;
  const sentence = "You gave this case its first label yourself; a blind second label comes from somebody else.";
  throw new HttpRefusal(409, "OWN_LABEL", sentence);
}

/** Two people's labels of a case: the first that counted, and a blind second one. */
export interface LabelledTwice {
  readonly caseId: string;
  readonly part: string;
  readonly first: { readonly label: string; readonly by: string };
  readonly second: { readonly label: string; readonly by: string; readonly at: number };
}

const MOST_PAIRS = 20_000;

/** The newest pairs: a blind label and the newest label of somebody else that is not blind. */
export async function labelledTwice(database: Database, project: string): Promise<LabelledTwice[]> {
  const { rows } = await sql<{
    id: string;
    part: string;
    first: string;
    firstBy: string;
    second: string;
    secondBy: string;
    at: number;
  }>`
    SELECT cases.id AS id, cases.part AS part, first.label AS "first", first.by_user AS "firstBy",
      second.label AS "second", second.by_user AS "secondBy", second.at AS at
    FROM labels AS second
    JOIN cases ON cases.row = second.case_row
    JOIN labels AS first ON first.row = (SELECT max(row) FROM labels AS other
      WHERE other.case_row = second.case_row AND other.blind = 0 AND other.undone_at IS NULL AND other.by_user <> second.by_user)
    WHERE second.blind = 1 AND second.undone_at IS NULL AND cases.project_id = ${project}
    ORDER BY second.row DESC LIMIT ${MOST_PAIRS}`.execute(database.query);
  return rows.map(({ id, part, first, firstBy, second, secondBy, at }) => ({
    caseId: id,
    part,
    first: { label: first, by: firstBy },
    second: { label: second, by: secondBy, at },
  }));
}

import { sql } from "kysely";
import { isError, isJudged } from "../../analysis/outcome-cell.ts";
import { facetOf } from "../cases/facets.ts";
import { vectorOfBytes } from "../cases/vector-bytes.ts";
import type { Database } from "../store/database.ts";
import type { Outcome } from "../store/tables.ts";
import type { StudyCase, StudyInput } from "./study.ts";

/** Newest labelled cases that slices are looked for in, and those of them that carry an embedding for clusters and curve. */
const MOST_CASES = 20_000;
const MOST_EMBEDDED = 3000;
/** Judged cases with which a version stands alone. */
const LEAST_OF_VERSION = 100;

interface Row {
  id: string;
  row: number;
  part: string;
  model: string;
  device: string;
  line: string;
  label: string;
  outcome: Outcome;
  metadata: string;
  labels: number;
}

/** Changes whenever a label does. */
export async function labelStamp(database: Database, project: string): Promise<string> {
  const { rows } = await sql<{ newest: number | null; undone: number; cases: number | null }>`SELECT
    (SELECT max(row) FROM labels) AS newest,
    (SELECT count(*) FROM labels WHERE undone_at IS NOT NULL) AS undone,
    (SELECT sum(cases) FROM outcome_counts WHERE project_id = ${project}) AS cases`.execute(database.query);
  return JSON.stringify(rows[0]);
}

/** The newest labelled cases of a project. Embeddings are of the model that most of them have: two models' do not compare. */
export async function studyCases(
  database: Database,
  project: string,
): Promise<Pick<StudyInput, "cases" | "modelVersion">> {
  const { rows } = await sql<Row>`
    SELECT cases.row AS row, cases.id AS id, cases.part AS part, cases.model_version AS model, cases.device_id AS device, cases.line AS line,
      cases.label AS label, cases.outcome AS outcome, cases.metadata_json AS metadata,
      (SELECT count(DISTINCT by_user) FROM labels WHERE case_row = cases.row AND undone_at IS NULL AND labels.label = cases.label) AS labels
    FROM (SELECT case_row FROM case_facets WHERE facet = ${facetOf(project, "labelled", "yes")}
      ORDER BY case_row DESC LIMIT ${MOST_CASES}) AS labelled
    JOIN cases ON cases.row = labelled.case_row
    WHERE cases.label IS NOT NULL AND cases.outcome IS NOT NULL
    ORDER BY cases.row DESC`.execute(database.query);
  const embeddings = await embeddingsOf(
    database,
    rows.slice(0, 2 * MOST_EMBEDDED).map(({ row }) => row),
  );
  const modelVersion = newestWithEnough(rows);
  const cases = rows.map((found) => studyCaseOf(found, { modelVersion, embedding: embeddings.get(found.row) ?? null }));
  return { cases, modelVersion };
}

/** Errors of a model that was replaced are of no use where the present one has shown enough of its own. */
function newestWithEnough(rows: readonly Row[]): string | null {
  const judged = rows.filter(({ outcome }) => isJudged(outcome));
  const versions = [...new Set(judged.map(({ model }) => model))]; // newest first, as the rows
  return versions.find((version) => judged.filter(({ model }) => model === version).length >= LEAST_OF_VERSION) ?? null;
}

interface StudyContext {
  readonly modelVersion: string | null;
  readonly embedding: Float32Array | null;
}

function studyCaseOf(found: Row, { modelVersion, embedding }: StudyContext): StudyCase {
  const metadata = JSON.parse(found.metadata) as Record<string, string | number | boolean>;
  return {
    id: found.id,
    group: found.part,
    label: found.label,
    current: modelVersion === null || found.model === modelVersion,
    judged: isJudged(found.outcome),
    wrong: isError(found.outcome),
    metadata: {
      device: found.device,
      line: found.line,
      ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)])),
    },
    confirmed: Number(found.labels) > 1,
    embedding,
  };
}

async function embeddingsOf(database: Database, rows: readonly number[]): Promise<Map<number, Float32Array>> {
  if (rows.length === 0) return new Map();
  const chunks = Array.from({ length: Math.ceil(rows.length / 500) }, (_, at) => rows.slice(at * 500, at * 500 + 500));
  const found: { case_row: number; model_sha256: string; vector: Uint8Array }[] = [];
  for (const chunk of chunks) {
    found.push(...(await database.query.selectFrom("embeddings").selectAll().where("case_row", "in", chunk).execute()));
  }
  const byModel = Map.groupBy(found, ({ model_sha256, vector }) => `${model_sha256} ${vector.byteLength}`);
  const [most = []] = [...byModel.values()].sort((one, other) => other.length - one.length);
  const newest = most.sort((one, other) => other.case_row - one.case_row).slice(0, MOST_EMBEDDED);
  return new Map(newest.map(({ case_row, vector }) => [case_row, vectorOfBytes(vector)]));
}

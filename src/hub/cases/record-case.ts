import type { Transaction } from "kysely";
import { SightlineError } from "../../contracts/errors.ts";
import type { HardCaseUpload } from "../../contracts/hub-case.ts";
import type { Database } from "../store/database.ts";
import type { Tables } from "../store/tables.ts";
import { addFacets, inChunks } from "./facet-lists.ts";
import { fixedFacets, labelFacets } from "./facets.ts";
import { mergeReasons, reasonBits } from "./merge-reasons.ts";
import { sketchOf } from "./sketch.ts";
import { bytesOfVector, vectorOfBytes } from "./vector-bytes.ts";

export interface ArrivedCase {
  readonly upload: HardCaseUpload;
  readonly project: string;
  /** Unix ms. */
  readonly receivedAt: number;
}

/**
 * Keeps a hard case: once, however often it is sent; of a known one the reasons that are new are added. Everything about it
 * is committed, or nothing is. Throws SightlineError CASE_REFUSED where its id is another device's, or its embedding is no
 * list of float32.
 */
export async function recordCase(database: Database, arrived: ArrivedCase): Promise<"new" | "known"> {
  const [stored = "known"] = await recordCases(database, [arrived]);
  return stored;
}

/** The same for many, in one transaction and in their order. */
export async function recordCases(
  database: Database,
  arrived: readonly ArrivedCase[],
): Promise<readonly ("new" | "known")[]> {
  const prepared = arrived.map(prepare);
  return database.query.transaction().execute(async (transaction) => {
    const rows = await insertCases(transaction, prepared);
    const fresh = prepared.flatMap((one) => {
      const row = rows.get(one.columns.id);
      rows.delete(one.columns.id); // the same id a second time is known
      return row === undefined ? [] : [{ ...one, row }];
    });
    await insertParts(database, transaction, fresh);
    const added = new Set<Prepared["columns"]>(fresh.map(({ columns }) => columns));
    const known = prepared.filter(({ columns }) => !added.has(columns));
    await mergeReasons(
      database,
      transaction,
      known.map(({ columns: { id, device_id: device, reasons } }) => ({ id, device, reasons })),
    );
    return prepared.map(({ columns }) => (added.has(columns) ? "new" : "known"));
  });
}

type Prepared = ReturnType<typeof prepare>;
type Stored = Prepared & { readonly row: number };

function prepare({ upload, project, receivedAt }: ArrivedCase) {
  const { verdict } = upload;
  const metadata = metadataOf(upload);
  const capturedAt = Date.parse(verdict.capturedAt ?? verdict.decidedAt);
  const model = verdict.model ?? { name: "", version: "", sha256: "" };
  const reasons = [...new Set(upload.reasons)];
  return {
    columns: {
      id: verdict.id,
      project_id: project,
      device_id: verdict.device,
      line: upload.line,
      part: verdict.part,
      captured_at: capturedAt,
      received_at: receivedAt,
      image_sha256: upload.image.sha256,
      crop_json: upload.image.crop === null ? null : JSON.stringify(upload.image.crop),
      verdict: verdict.verdict,
      class: verdict.class,
      ng_score: verdict.score,
      model_name: model.name,
      model_version: model.version,
      model_sha256: model.sha256,
      reasons: reasonBits(reasons),
      selection_probability: upload.selectionProbability,
      label: null,
      label_defect: null,
      outcome: null,
      label_suspicion: null,
      verdict_json: JSON.stringify(verdict),
      metadata_json: JSON.stringify({ ...upload.metadata, product: upload.product }),
    },
    metadata,
    facets: [
      ...fixedFacets({
        project,
        device: verdict.device,
        line: upload.line,
        part: verdict.part,
        verdict: verdict.verdict,
        class: verdict.class,
        modelVersion: model.version,
        reasons,
        capturedAt,
        metadata,
      }),
      ...labelFacets(project, { label: null, outcome: null }),
    ],
    embedding: embeddingOf(upload),
  };
}

/** Words to filter and slice by; `product` is one of them. */
function metadataOf({ metadata, product }: HardCaseUpload): Record<string, string> {
  const words = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
  return product === "" ? words : { ...words, product };
}

function embeddingOf({ embedding, verdict }: HardCaseUpload): Float32Array | null {
  if (embedding === null) return null;
  const bytes = Buffer.from(embedding, "base64");
  const vector = vectorOfBytes(bytes);
  if (bytes.length === 0 || bytes.length % 4 !== 0 || !vector.every(Number.isFinite)) {
    const why = `the embedding of case ${verdict.id} is ${bytes.length} bytes that are no list of finite float32 numbers`;
    throw new SightlineError("CASE_REFUSED", `${why}; send float32 little-endian in base64, or null`);
  }
  return vector;
}

/** Ids that were not there before, with their rows. */
async function insertCases(
  transaction: Transaction<Tables>,
  prepared: readonly Prepared[],
): Promise<Map<string, number>> {
  const rows = new Map<string, number>();
  for (const some of inChunks(prepared)) {
    const inserted = await transaction
      .insertInto("cases")
      .values(some.map(({ columns }) => columns))
      .onConflict((conflict) => conflict.column("id").doNothing())
      .returning(["id", "row"])
      .execute();
    for (const { id, row } of inserted) rows.set(id, row);
  }
  return rows;
}

async function insertParts(
  database: Database,
  transaction: Transaction<Tables>,
  stored: readonly Stored[],
): Promise<void> {
  await addFacets(
    database,
    transaction,
    stored.flatMap(({ facets, row }) => facets.map((facet) => ({ facet, case_row: row }))),
  );
  const times = stored.map(({ columns, row }) => ({ case_row: row, captured_at: columns.captured_at }));
  for (const some of inChunks(times)) await transaction.insertInto("case_times").values(some).execute();
  const metadata = stored.flatMap(({ metadata, row }) =>
    Object.entries(metadata).map(([key, value]) => ({ case_row: row, key, value })),
  );
  for (const some of inChunks(metadata)) await transaction.insertInto("case_metadata").values(some).execute();
  const embedded = stored.flatMap(({ embedding, row, columns }) =>
    embedding === null
      ? []
      : [{ embedding, project_id: columns.project_id, keys: { case_row: row, model_sha256: columns.model_sha256 } }],
  );
  for (const some of inChunks(embedded)) {
    const vectors = some.map(({ embedding, keys }) => ({ ...keys, vector: bytesOfVector(embedding) }));
    await transaction.insertInto("embeddings").values(vectors).execute();
    const sketches = some.map(({ embedding, project_id, keys }) => ({
      ...keys,
      project_id,
      sketch: bytesOfVector(sketchOf(embedding)),
    }));
    await transaction.insertInto("sketches").values(sketches).execute();
  }
}

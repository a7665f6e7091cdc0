import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { DatasetItem } from "../../contracts/dataset.ts";
import { SightlineError } from "../../contracts/errors.ts";
import { listItems } from "../datasets/item-lists.ts";
import { versionBySha256 } from "../datasets/dataset-versions.ts";
import type { JobHandler } from "../jobs/job-worker.ts";
import { placeModel, trainingImages } from "../models/model-store.ts";
import { modelById, type ModelVersion } from "../models/model-versions.ts";
import type { Database } from "../store/database.ts";
import { exportItems, IMAGES_FOLDER, shaOf } from "./export-items.ts";
import { runSightline } from "./run-sightline.ts";
import { testItems, testSideOf } from "./test-sets.ts";
import type { TrainingParts } from "./train-handler.ts";
import { EvaluationPayload } from "./training-wish.ts";

const Inspected = z.object({
  frame: z.string(),
  verdict: z.enum(["pass", "reject", "review", "fault"]),
  class: z.string().nullable(),
  score: z.number().nullable(),
});

const ROWS_AT_ONCE = 500;

/**
 * Judges a test set with a model version: `evaluate` for the figures with their intervals, `inspect` for the verdict of every
 * single frame, as a device gives it.
 */
export const evaluateHandler =
  (parts: TrainingParts): JobHandler =>
  async ({ job, signal, report }) => {
    const { project, modelId, datasetSha256 } = EvaluationPayload.parse(job.payload);
    const { database, clock, cachePath } = parts;
    const model = await modelById(database, modelId);
    const side = await testSideOf(database, datasetSha256);
    if (model === null || model.project !== project)
      throw new SightlineError("UNKNOWN_MODEL", `${project} has no model version ${modelId}`);
    if (side === null) throw new SightlineError("DATA_INVALID", "this data set version is not marked as a test set");
    await mkdir(parts.directory, { recursive: true });
    const folder = await mkdtemp(join(parts.directory, "evaluate-"));
    try {
      const [bundle, data] = [join(folder, "bundle"), join(folder, "data")];
      report(0.02, "fetching model and images");
      await placeModel(parts, modelId, bundle);
      const items = await testItems(database, datasetSha256, side);
      const onProgress = (done: number, total: number): void =>
        report(0.02 + 0.18 * (done / total), `writing images ${done}/${total}`);
      await exportItems(items, { database, images: parts.images, folder: data, signal, onProgress });
      const good = model.manifest.classes.filter(({ kind }) => kind === "good").map(({ name }) => name);
      const run = (...args: string[]) => runSightline({ args, cachePath, signal, clock });
      report(0.2, `judging ${items.length} frames`);
      const figures = await run(
        ...["evaluate", "--model", bundle, "--data", data, "--split-by", "part"],
        ...["--good", good.join(","), "--json"],
      );
      report(0.7, "verdicts of single frames");
      const source = join(data, IMAGES_FOLDER);
      const lines = await run("inspect", "--model", bundle, "--source", source, "--provider", "cpu", "--json");
      const shared = await sharedParts(parts, model, items);
      await keepEvaluation(database, {
        ...{ modelId, datasetSha256, figures: JSON.parse(figures) as object, sharedParts: shared },
        ...{ frames: readFrames(lines), at: clock.wallNow() },
      });
      report(1, `${model.name} ${model.version} judged ${items.length} frames`);
      return { modelId, datasetSha256, frames: items.length, sharedParts: shared };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };

interface FrameVerdict {
  readonly image: string;
  readonly verdict: string;
  readonly class: string | null;
  readonly ngScore: number | null;
}

const readFrames = (lines: string): FrameVerdict[] =>
  lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { frame, verdict, class: said, score } = Inspected.parse(JSON.parse(line));
      return { image: shaOf(frame), verdict, class: said, ngScore: score };
    });

interface Kept {
  readonly modelId: string;
  readonly datasetSha256: string;
  readonly figures: object;
  readonly sharedParts: number;
  readonly frames: readonly FrameVerdict[];
  readonly at: number;
}

async function keepEvaluation({ query }: Database, kept: Kept): Promise<void> {
  const key = { model_id: kept.modelId, dataset_sha256: kept.datasetSha256 };
  await query.transaction().execute(async (rows) => {
    for (const table of ["evaluation_frames", "evaluations"] as const) {
      await rows
        .deleteFrom(table)
        .where("model_id", "=", kept.modelId)
        .where("dataset_sha256", "=", kept.datasetSha256)
        .execute();
    }
    await rows
      .insertInto("evaluations")
      .values({
        ...{ ...key, frames: kept.frames.length, shared_parts: kept.sharedParts, at: kept.at },
        figures_json: JSON.stringify(kept.figures),
      })
      .execute();
    for (let from = 0; from < kept.frames.length; from += ROWS_AT_ONCE) {
      const page = kept.frames.slice(from, from + ROWS_AT_ONCE).map(({ image, verdict, class: said, ngScore }) => {
        return { ...key, image_sha256: image, verdict, class: said, ng_score: ngScore };
      });
      await rows.insertInto("evaluation_frames").values(page).execute();
    }
  });
}

/**
 * Parts of the test set that this model or one it descends from has seen: by the images their bundles list, and by the parts
 * that those images show.
 */
async function sharedParts(
  parts: Pick<TrainingParts, "database" | "models">,
  tested: ModelVersion,
  items: readonly DatasetItem[],
): Promise<number> {
  const { database } = parts;
  const shared = new Set<string>();
  for (let model: ModelVersion | null = tested; model !== null; model = await parentOf(database, model)) {
    const images = new Set(await trainingImages(parts, model.id));
    const version = model.datasetSha256 === null ? null : await versionBySha256(database, model.datasetSha256);
    const seen = new Set<string>();
    for await (const { image, part } of version === null ? [] : listItems(database, version.listId)) {
      if (images.has(image)) seen.add(part);
    }
    for (const { image, part } of items) if (images.has(image) || seen.has(part)) shared.add(part);
  }
  return shared.size;
}

const parentOf = (database: Database, { parentId }: ModelVersion): Promise<ModelVersion | null> =>
  parentId === null ? Promise.resolve(null) : modelById(database, parentId);

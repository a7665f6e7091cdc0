import { z } from "zod";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { CANCELLED, type JobHandler, type JobRun } from "../jobs/job-worker.ts";
import type { LeaseTable } from "../jobs/lease-table.ts";
import { keepFiles, type ReadBundle, readBundleFolder } from "../models/model-store.ts";
import { activeModel, addModel } from "../models/model-versions.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { parentOf, placeBase } from "./bases.ts";
import { exportItems } from "./export-items.ts";
import { clearRunFolder, openRunFolder, type RunFolder } from "./run-folder.ts";
import { runSightline } from "./run-sightline.ts";
import { learningItems, type LearningItems, listTestSets } from "./test-sets.ts";
import { PointWriter } from "./training-points.ts";
import { readStep, shareDone, stepSentence } from "./training-progress.ts";
import { EVALUATE, trainOptions, TrainingPayload, type TrainingResult } from "./training-wish.ts";

export interface TrainingParts {
  readonly database: Database;
  readonly images: Pick<ObjectStore, "get">;
  readonly models: ObjectStore;
  readonly table: Pick<LeaseTable, "add">;
  readonly clock: Clock;
  /** Folder of runs under way. */
  readonly directory: string;
  readonly bases: string | undefined;
  readonly cachePath: string;
  readonly onFault: (error: unknown) => void;
}

const Summary = z.looseObject({
  interrupted: z.boolean(),
  steps: z.number(),
  report: z.looseObject({ device: z.looseObject({ all: z.record(z.string(), z.unknown()) }) }),
});
type Summary = z.infer<typeof Summary>;

interface Terms {
  readonly goodLabels: readonly string[];
  readonly maxEscape: number;
  readonly confidence: number;
}

/**
 * Runs one training: the data set version as a folder, the real `train` in a process of its own, the certificate with parts it
 * never saw, and the bundle as a model version that nothing changes any more. A cancelled run keeps the best so far.
 */
export const trainHandler =
  (parts: TrainingParts): JobHandler =>
  async (run) => {
    const wish = TrainingPayload.parse(run.job.payload);
    const made = await modelOfJob(parts.database, run.job.id);
    if (made !== null) return made; // the worker before was lost between its last two steps
    const folder = await openRunFolder(parts.directory, {
      ...{ jobId: run.job.id, token: run.token, resumeOf: wish.resumeOf },
    });
    const items = await learningItems(parts.database, wish);
    const terms = await termsOf(parts.database, wish.project);
    await writeData(parts, { run, folder, items });
    const basePath = await placeBase(parts, wish.base, folder.base);
    const summary = await train(parts, { run, folder, basePath, options: trainOptions(wish, terms.goodLabels) });
    const certificate = await certify(parts, { run, folder, items, terms });
    run.report(0.98, "keeping the model");
    const bundle = await readBundleFolder(folder.out);
    await keepFiles(parts.models, bundle.files);
    const { out: bundlePath } = folder;
    const result = await keepModel(parts, { run, wish, bundle, bundlePath, summary, items, certificate });
    await clearRunFolder(folder);
    await queueEvaluations(parts, { project: wish.project, modelId: result.modelId, by: run.job.createdBy });
    run.report(1, `${wish.name} ${wish.version}: ${summary.interrupted ? "stopped, the best so far is kept" : "done"}`);
    return result;
  };

async function termsOf({ query }: Database, project: string): Promise<Terms> {
  const row = await query
    .selectFrom("projects")
    .select(["classes_json", "max_escape", "confidence"])
    .where("id", "=", project)
    .executeTakeFirstOrThrow();
  const classes = z.array(z.object({ name: z.string(), kind: z.string() })).parse(JSON.parse(row.classes_json));
  const goodLabels = classes.filter(({ kind }) => kind === "good").map(({ name }) => name);
  return { goodLabels, maxEscape: row.max_escape, confidence: row.confidence };
}

interface Stage {
  readonly run: JobRun;
  readonly folder: RunFolder;
}

async function writeData(parts: TrainingParts, { run, folder, items }: Stage & { readonly items: LearningItems }) {
  const { database, images } = parts;
  const write = (list: LearningItems["learn"], path: string, what: string) =>
    exportItems(list, {
      ...{ database, images, folder: path, signal: run.signal },
      onProgress: (done, total) => run.report(0.02 * (done / total), `${what} ${done}/${total}`),
    });
  await write(items.learn, folder.data, "writing images");
  if (items.certify.length > 0) await write(items.certify, folder.certify, "writing images for the certificate");
}

interface TrainStage extends Stage {
  readonly basePath: string;
  readonly options: readonly string[];
}

async function train(parts: TrainingParts, { run, folder, basePath, options }: TrainStage): Promise<Summary> {
  const { database, clock, cachePath, onFault } = parts;
  const points = new PointWriter({ database, clock, jobId: run.job.id, token: run.token, onFault });
  let share = 0.02;
  const onStderrLine = (line: string): void => {
    const step = readStep(line);
    if (step === null) return;
    share = shareDone(step, share);
    run.report(share, stepSentence(step));
    if (step.loss !== null) points.add(step);
  };
  const place = ["--data", folder.data, "--base", basePath, "--out", folder.out];
  const output = await runSightline({
    args: ["train", ...place, ...options, "--progress", "lines", "--json", ...(folder.resumes ? ["--resume"] : [])],
    ...{ cachePath, signal: run.signal, clock, onStderrLine },
    mayFinish: (reason) => reason === CANCELLED,
  }).finally(() => points.flush());
  return Summary.parse(JSON.parse(output));
}

interface CertifyStage extends Stage {
  readonly items: LearningItems;
  readonly terms: Terms;
}

/** What became of the certificate, as a sentence. A model without one is a candidate all the same; the gate says so. */
async function certify(parts: TrainingParts, { run, folder, items, terms }: CertifyStage): Promise<string> {
  if (run.signal.reason === CANCELLED) return "The training was stopped before the certificate.";
  if (items.certify.length === 0) return "The version has no part on the validation side to certify with.";
  run.report(0.94, "limits and certificate from parts that were not learned from");
  const { clock, cachePath } = parts;
  const promise = ["--max-escape", String(terms.maxEscape), "--confidence", String(terms.confidence)];
  const good = terms.goodLabels.length === 0 ? [] : ["--good", terms.goodLabels.join(",")];
  const args = [
    "calibrate",
    "--model",
    folder.out,
    "--data",
    folder.certify,
    "--split-by",
    "part",
    ...promise,
    ...good,
  ];
  try {
    await runSightline({ args: [...args, "--json"], cachePath, signal: run.signal, clock });
    return "Limits and certificate are from parts of the validation side.";
  } catch (error) {
    if (run.signal.aborted && run.signal.reason !== CANCELLED) throw error;
    return `Limits and certificate could not be made: ${messageOf(error)}`;
  }
}

interface Keeping {
  readonly run: JobRun;
  readonly wish: TrainingPayload;
  readonly bundle: ReadBundle;
  readonly bundlePath: string;
  readonly summary: Summary;
  readonly items: LearningItems;
  readonly certificate: string;
}

/** Only while the lease holds: a worker that was given up adds nothing. */
async function keepModel({ database, clock }: TrainingParts, keeping: Keeping): Promise<TrainingResult> {
  const { run, wish, bundle, bundlePath, summary, items, certificate } = keeping;
  const result = {
    ...{ bundlePath, modelSha256: bundle.modelSha256, interrupted: summary.interrupted },
    metrics: summary.report.device.all,
    certificate,
    leftOut: items.leftOut,
  };
  const modelId = await database.query.transaction().execute(async (rows) => {
    const lease = rows
      .selectFrom("jobs")
      .select("id")
      .where("id", "=", run.job.id)
      .where("state", "=", "running")
      .where("fencing_token", "=", run.token);
    const held = await (database.engine === "postgres" ? lease.forUpdate() : lease).executeTakeFirst();
    if (held === undefined) {
      throw new SightlineError("JOB_LOST", `training ${run.job.id} was taken over; what this worker made is dropped`);
    }
    return addModel(rows, {
      ...{ project: wish.project, bundle, origin: "trained", jobId: run.job.id, datasetSha256: wish.datasetSha256 },
      ...{ parentId: parentOf(wish.base), training: { summary, result } },
      ...{ by: run.job.createdBy, at: clock.wallNow() },
    });
  });
  return { ...result, modelId };
}

async function modelOfJob({ query }: Database, jobId: string): Promise<TrainingResult | null> {
  const row = await query
    .selectFrom("model_versions")
    .select(["id", "training_json"])
    .where("job_id", "=", jobId)
    .executeTakeFirst();
  if (row === undefined) return null;
  const { result } = JSON.parse(row.training_json) as { result: Omit<TrainingResult, "modelId"> };
  return { ...result, modelId: row.id } as TrainingResult;
}

/** The new model and the active one on the newest test set, where that was not done. */
export async function queueEvaluations(
  { database, table }: Pick<TrainingParts, "database" | "table">,
  { project, modelId, by }: { readonly project: string; readonly modelId: string; readonly by: string },
): Promise<void> {
  const [newest] = await listTestSets(database, project);
  if (newest === undefined) return;
  const active = await activeModel(database, project);
  for (const id of new Set([modelId, ...(active === null ? [] : [active.id])])) {
    const done = await database.query
      .selectFrom("evaluations")
      .select("at")
      .where("model_id", "=", id)
      .where("dataset_sha256", "=", newest.datasetSha256)
      .executeTakeFirst();
    if (done !== undefined) continue;
    const payload = { project, modelId: id, datasetSha256: newest.datasetSha256 };
    await table.add({ kind: EVALUATE, project, payload, by });
  }
}

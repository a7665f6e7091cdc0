import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { DriftReference } from "../contracts/drift-reference.ts";
import type { BundleManifest } from "../contracts/model-bundle.ts";
import { encodeModel } from "../onnx/model-file.ts";
import { driftBaseline } from "./drift-baseline.ts";
import { evaluateFrames } from "./evaluation.ts";
import { evaluationReport } from "./evaluation-report.ts";
import { type GoldenFile, goldenFrames } from "./golden-frames.ts";
import type { DataFolder } from "../datasets/data-folder.ts";
import type { LearningSet } from "./learning-set.ts";
import { type CardSource, howJudged, modelCard } from "./model-card.ts";
import { loadTensorFlow } from "./tensorflow.ts";
import { type TrainedModel, type TrainingJob, trainModel } from "./train-model.ts";
import { thumbnailsOfMistakes } from "./thumbnails.ts";
import { CHECKPOINT_FILE, REPORT_FILE, TRAINING_FILES, writeBundle } from "./write-bundle.ts";

export interface BundleJob extends TrainingJob {
  readonly outPath: string;
  readonly name: string;
  readonly version: string;
  readonly folders: readonly DataFolder[];
  /** What each data folder is called on the model card. */
  readonly folderNames: readonly string[];
  readonly licence: string;
  /** As typed, for the record. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
}

export interface WrittenBundle {
  readonly manifest: BundleManifest;
  readonly trained: TrainedModel;
}

/** An int8 sum may differ by a rounding step where a device's kernels order it otherwise. */
const GOLDEN_TOLERANCE = { int8: 0.05, float32: 0.01 } as const;

/** Trains and writes the bundle, checkpoint included. Nothing is left at `outPath` unless all of it worked. */
export async function trainBundle(job: BundleJob): Promise<WrittenBundle> {
  const trained = await trainModel(job);
  const { runtime } = job;
  const model = encodeModel(trained.deviceModel);
  await runtime.load(model);
  const golden = await goldenFrames(runtime, trained.classes, job);
  const size = { widthPx: job.widthPx, heightPx: job.heightPx };
  const baseline = await driftBaseline(trained.heldOut.frames, job.set.samples, { runtime, size, seed: job.seed });
  const manifest = await manifestOf(job, trained, { golden, baseline });
  const sources = cardSources(job, trained);
  const card = modelCard({ manifest, trained, sources, licence: job.licence });
  const files = new Map<string, Uint8Array | string>([
    ["model.onnx", model],
    [CHECKPOINT_FILE, encodeModel(trained.checkpoint)],
    [TRAINING_FILES, `${trained.trainingFiles.join("\n")}\n`],
    [REPORT_FILE, await reportOf(job, trained, manifest, model)],
    ["MODEL_CARD.md", card],
    ...golden.map(({ file, png }) => [file, png] as const),
  ]);
  return { manifest: await writeBundle(job.outPath, manifest, files), trained };
}

/** The page about the parts no model had seen. */
async function reportOf(
  job: BundleJob,
  { heldOut: { frames, folds }, unreadable, validation, decision, classes }: TrainedModel,
  manifest: Omit<BundleManifest, "files">,
  model: Uint8Array,
): Promise<string> {
  const options = { classes, limits: decision, seed: job.seed, sliceBy: [] };
  const evaluation = evaluateFrames(frames, validation.kind === "folds" ? { ...options, folds } : options);
  return evaluationReport({
    model: { manifest, modelSha256: sha256Of(model), modelBytes: model.length },
    evaluation,
    dataNames: job.folderNames,
    createdAt: job.createdAt,
    leftOut: [...job.folders.flatMap(({ refused }) => refused), ...unreadable],
    thumbnails: await thumbnailsOfMistakes(evaluation, job.set.samples),
  });
}

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function manifestOf(
  job: BundleJob,
  trained: TrainedModel,
  { golden, baseline }: { readonly golden: readonly GoldenFile[]; readonly baseline: DriftReference | null },
): Promise<Omit<BundleManifest, "files">> {
  const { backend } = await loadTensorFlow();
  return {
    schema: 1,
    name: job.name,
    version: job.version,
    classes: [...trained.classes],
    input: { width: job.widthPx, height: job.heightPx, channels: 3 },
    regions: job.regions,
    decision: trained.decision,
    certificate: null,
    driftBaseline: baseline,
    golden: golden.map(({ file, scores }) => ({ file, scores })),
    goldenTolerance: trained.quantization.accepted ? GOLDEN_TOLERANCE.int8 : GOLDEN_TOLERANCE.float32,
    provenance: {
      tool: `sightline train (head: TensorFlow.js, ${backend})`,
      createdAt: job.createdAt,
      datasetVersion: job.set.version,
      parent: sha256Of(encodeModel(job.backbone)),
      options: { ...job.options },
      metrics: {
        headEpochs: trained.headEpochs,
        steps: trained.steps,
        interrupted: trained.interrupted,
        history: trained.history,
        validation: { ...trained.validation, words: howJudged(trained).replaceAll("\n", " ") },
        classBiases: Object.fromEntries(trained.classes.map(({ name }, index) => [name, trained.classBiases[index]])),
        quantization: trained.quantization,
        shippedQuantization: trained.shippedQuantization,
        ...trained.report,
      },
    },
  };
}

function cardSources({ folders, folderNames, set }: BundleJob, trained: TrainedModel): CardSource[] {
  return folders.map((folder, source) => {
    const samples = samplesOf(set, source);
    return {
      name: folderNames[source] ?? basename(folder.path),
      images: samples.length,
      parts: new Set(samples.map(({ group }) => group)).size,
      splitColumn: set.splitColumns[source] ?? null,
      refused:
        folder.refused.length +
        trained.unreadable.filter(({ path }) => samples.some(({ image }) => image.path === path)).length,
    };
  });
}

const samplesOf = (set: LearningSet, wanted: number) => set.samples.filter(({ source }) => source === wanted);

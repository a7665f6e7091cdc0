import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { systemClock as clock, toIso } from "../platform/clock.ts";
import { loadBase, loadBaseHead, loadBaseTopShare } from "../training/base-model.ts";
import type { DataFolder } from "../datasets/data-folder.ts";
import { positionFile } from "../training/finetune/position-file.ts";
import { TrainingProcess } from "../training/finetune/training-process.ts";
import { type LearningSet, makeLearningSet } from "../training/learning-set.ts";
import { OnnxProcess } from "../training/onnx-process.ts";
import { readAugmentation } from "../training/read-augmentation.ts";
import { readDataFolder } from "../datasets/read-data-folder.ts";
import { simulatedFolder } from "../training/synthesize.ts";
import { trainBundle, type WrittenBundle } from "../training/train-bundle.ts";
import { HEAD_DEFAULTS } from "../training/train-head.ts";
import { FINE_TUNING_DEFAULTS, SAMPLING_DEFAULTS } from "../training/training-defaults.ts";
import { assertReplaceable } from "../training/write-bundle.ts";
import type { Command } from "./command.ts";
import { parseCommandLine } from "./command-line.ts";
import { listenForInterrupt } from "./interrupt.ts";
import type { Progress } from "./progress-line.ts";
import { planOf, recordOf, TRAIN_HELP, TRAIN_OPTIONS, type TrainPlan } from "./train-plan.ts";
import { readableTraining, trainingSummary } from "./train-summary.ts";

export const train: Command = {
  name: "train",
  summary: "transfer learning; writes a model bundle",
  async run(args) {
    const options = parseCommandLine(args, TRAIN_OPTIONS);
    if (options.help === true) {
      process.stdout.write(TRAIN_HELP);
      return 0;
    }
    const plan = planOf(options);
    assertReplaceable(plan.outPath, await readdir(plan.outPath).catch(() => []));
    const bundle = await runPlan(plan);
    const summary = options.json
      ? `${JSON.stringify(trainingSummary(bundle, plan.outPath))}\n`
      : readableTraining(bundle, plan.outPath);
    process.stdout.write(summary);
    return 0;
  },
};

async function runPlan(plan: TrainPlan): Promise<WrittenBundle> {
  const { progress } = plan;
  const cachePath = cacheFolder();
  const size = { widthPx: plan.sizePx, heightPx: plan.sizePx };
  const warn = (sentence: string): void => note(`warning: ${sentence}`);
  const backbone = await loadBase(plan.basePath, size, { normalisation: plan.normalisation, onWarning: warn });
  const { folders, folderNames, set } = await gatherData(plan, cachePath, progress);
  const labels = set.classes.map(({ name }) => name);
  const judgedHead = plan.refitOnly ? await loadBaseHead(plan.basePath) : null;
  const augmentation = await readAugmentation(plan.augment, labels);
  const topShare = plan.topShare === undefined ? await loadBaseTopShare(plan.basePath) : plan.topShare;
  const options = recordOf({ ...plan, topShare }, folderNames, set);
  const positions = await openPositions(plan, JSON.stringify([options, set.version, augmentation]));
  const runtime = new OnnxProcess();
  const training = new TrainingProcess();
  const interrupt = listenForInterrupt();
  runtime.start();
  training.start();
  try {
    const bundle = await trainBundle({
      ...size,
      ...plan,
      topShare,
      backbone,
      judgedHead,
      set,
      runtime,
      training,
      cachePath,
      folders,
      folderNames,
      head: { ...HEAD_DEFAULTS, ...(plan.epochs === undefined ? {} : { maxEpochs: plan.epochs }) },
      fineTuning: {
        ...FINE_TUNING_DEFAULTS,
        batchSize: plan.batchSize,
        schedule: { ...FINE_TUNING_DEFAULTS.schedule, peak: plan.peakRate },
      },
      ...SAMPLING_DEFAULTS,
      augmentation,
      validationShare: plan.holdOutShare,
      positionsOf: (run) => positionFile(join(positions.folder, `${run}.position`), positions.key),
      signal: interrupt.signal,
      options,
      createdAt: toIso(clock.wallNow()),
      onProgress: (stage, done, total, detail) =>
        progress(
          detail === undefined ? STAGES[stage] : `${STAGES[stage]} (${detail.split(",")[0]})`,
          done,
          total,
          detail,
        ),
      onWarning: warn,
    });
    for (const { file, reason } of bundle.trained.unreadable) note(`left out: ${file}: ${reason}`);
    if (!interrupt.signal.aborted) await rm(positions.folder, { recursive: true, force: true });
    return bundle;
  } finally {
    interrupt.stop();
    await training.stop();
    await runtime.stop();
  }
}

/** Where an interrupted run is kept, and the key that tells it from runs of other options. */
async function openPositions(plan: TrainPlan, record: string): Promise<{ folder: string; key: string }> {
  const folder = `${plan.outPath}.training`;
  if (!plan.resume) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return { folder, key: createHash("sha256").update(record).digest("hex") };
}

interface GatheredData {
  readonly folders: readonly DataFolder[];
  readonly folderNames: readonly string[];
  readonly set: LearningSet;
}

async function gatherData(plan: TrainPlan, cachePath: string, progress: Progress): Promise<GatheredData> {
  const { simulated: parts, seed } = plan;
  const folders = await Promise.all(plan.dataPaths.map(readDataFolder));
  const folderNames = plan.dataPaths.map((path) => basename(resolve(path)));
  if (parts > 0) {
    const onProgress = (done: number): void => progress("rendering parts", done, parts);
    folders.push(await readDataFolder(await simulatedFolder(cachePath, { parts, seed, defectRate: 0.5, onProgress })));
    folderNames.push("simulated parts");
  }
  reportRefused(folders);
  const set = await makeLearningSet(folders, {
    ...(plan.splitBy === undefined ? {} : { splitBy: plan.splitBy }),
    ...(plan.goodLabels === undefined ? {} : { goodLabels: plan.goodLabels }),
  });
  folderNames.forEach((name, source) => {
    note(`${name}: ${folders[source]?.images.length ?? 0} images, split by ${set.splitColumns[source] ?? "file"}`);
  });
  return { folders, folderNames, set };
}

const STAGES = {
  read: "reading images",
  embed: "embedding images",
  head: "fitting heads",
  tune: "fine-tuning",
  quantize: "calibrating int8",
  judge: "judging held-out parts",
} as const;

const note = (text: string): void => void process.stderr.write(`${text}\n`);

function reportRefused(folders: readonly DataFolder[]): void {
  for (const { path, refused } of folders) {
    if (refused.length > 0) note(`${path}: ${refused.length} files left out`);
    for (const { file, reason } of refused) note(`  ${file}: ${reason}`);
  }
}

/** Where results that can be computed again are kept. */
function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"] ?? (homedir() === "" ? tmpdir() : join(homedir(), ".cache"));
  return join(base, "sightline");
}

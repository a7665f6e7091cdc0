import { createHash } from "node:crypto";
import { SightlineError } from "../contracts/errors.ts";
import { MODEL_FILE } from "../pipeline/infer/open-bundle.ts";
import { bundleFile, type EditableBundle, trainingFilesOf } from "./edit-bundle.ts";
import type { UnreadableFile } from "./model-pixels.ts";
import { type EvaluatedModel, type Evaluation, evaluateFrames } from "./evaluation.ts";
import { judgeFrames } from "./judge-frames.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import type { LearningSet } from "./learning-set.ts";
import { measureSpeed } from "./measure-speed.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { CHECKPOINT_FILE } from "./write-bundle.ts";

export interface EvaluateJob {
  readonly bundle: EditableBundle;
  readonly set: Pick<LearningSet, "classes" | "samples">;
  readonly sliceBy: readonly string[];
  readonly seed: number;
  readonly runtime: OnnxProcess;
  readonly tickMs: () => number;
  readonly onProgress: (stage: "judge" | "float32" | "speed", done: number, total: number) => void;
}

export interface EvaluatedBundle {
  readonly model: EvaluatedModel;
  readonly evaluation: Evaluation;
  readonly frames: readonly JudgedFrame[];
  readonly unreadable: readonly UnreadableFile[];
}

const THREADS = [1, 2] as const;

/** Judges a set with what the bundle's device runs, and with its checkpoint where it is there, and times it. */
export async function evaluateBundle(job: EvaluateJob): Promise<EvaluatedBundle> {
  const { bundle, set, runtime, onProgress } = job;
  const { manifest, files } = bundle;
  const { classes, regions, decision } = manifest;
  const input = { widthPx: manifest.input.width, heightPx: manifest.input.height };
  const judge = (model: Uint8Array, stage: "judge" | "float32") =>
    judgeFrames(model, set, {
      classes,
      input,
      regions,
      runtime,
      onProgress: (done, total) => onProgress(stage, done, total),
    });
  const model = bundleFile(bundle, MODEL_FILE);
  const checkpoint = files.get(CHECKPOINT_FILE);
  const { frames, unreadable } = await judge(model, "judge");
  if (frames.length === 0) {
    throw new SightlineError(
      "DATA_INVALID",
      `none of the ${unreadable.length} images can be read; the first: ${unreadable[0]?.file ?? ""}: ${unreadable[0]?.reason ?? ""}`,
    );
  }
  const float32 = checkpoint === undefined ? undefined : await judge(checkpoint, "float32");
  const regionsPerFrame = regions.mode === "full" ? 1 : regions.rows * regions.cols;
  const speed = [];
  for (const threads of THREADS) {
    speed.push(await measureSpeed(model, { input, regionsPerFrame, threads, runtime, tickMs: job.tickMs }));
    onProgress("speed", speed.length, THREADS.length);
  }
  const evaluation = evaluateFrames(frames, {
    classes,
    limits: decision,
    seed: job.seed,
    sliceBy: job.sliceBy,
    speed,
    trainingFiles: trainingFilesOf(bundle),
    ...(float32 === undefined ? {} : { float32Frames: float32.frames }),
  });
  const modelSha256 = createHash("sha256").update(model).digest("hex");
  return { model: { manifest, modelSha256, modelBytes: model.length }, evaluation, frames, unreadable };
}

import { createHash } from "node:crypto";
import type { BundleManifest, EscapeCertificate } from "../contracts/model-bundle.ts";
import { decodeModel, encodeModel } from "../onnx/model-file.ts";
import { MODEL_FILE } from "../pipeline/infer/open-bundle.ts";
import { calibrationCard, withoutOldLimits } from "./calibration-card.ts";
import { type ChosenLimits, limitsByWishes, type LimitWishes } from "./choose-limits.ts";
import { bundleFile, type EditableBundle, rewriteBundle, trainingFilesOf } from "./edit-bundle.ts";
import { fitCalibration, type ScoreCalibration } from "./fit-calibration.ts";
import type { UnreadableFile } from "./model-pixels.ts";
import { heldOutFrames, type HeldOutFrames, regionLogits } from "./held-out.ts";
import { judgeFrames } from "./judge-frames.ts";
import type { JudgedFrame } from "./judged-frame.ts";
import { type LearningSet, versionOf } from "./learning-set.ts";
import { calibrationOf, withCalibration } from "./model-calibration.ts";
import type { OnnxProcess } from "./onnx-process.ts";
import { promiseSentence } from "./promise-sentence.ts";
import { CHECKPOINT_FILE, TRAINING_FILES } from "./write-bundle.ts";

export interface CalibrationJobOptions {
  readonly path: string;
  readonly bundle: EditableBundle;
  readonly set: LearningSet;
  readonly wishes: LimitWishes;
  readonly keepTemperature: boolean;
  /** The user vouches that none of the parts was trained on: for bundles without a list of training files. */
  readonly vouched: boolean;
  readonly runtime: OnnxProcess;
  /** ISO 8601 UTC. */
  readonly issuedAt: string;
  readonly onProgress: (stage: "judge" | "certify", done: number, total: number) => void;
}

export interface Calibration {
  readonly manifest: BundleManifest;
  readonly temperature: { readonly before: number; readonly after: number; readonly regions: number };
  readonly chosen: ChosenLimits;
  readonly certificate: EscapeCertificate | null;
  readonly leftOut: { readonly trained: number; readonly synthetic: number };
  readonly unreadable: readonly UnreadableFile[];
  /** What was promised or why not, for people. */
  readonly sentences: readonly string[];
}

/**
 * Fits the temperature and the shift between good and defect classes on the model that devices run, in the way of the
 * training (fit-calibration.ts), writes them into model.onnx and checkpoint.onnx, and chooses limits and promises from what
 * that very file says to held-out parts. They are fitted on the same parts: the shift never changes the order of the
 * scores, the temperature keeps it with one good and one defect class, so the promise stays exact; with more classes the
 * temperature moves the order a little: of 2,000 simulated populations of three classes 4.75 % and 3.45 % broke a promise
 * that exactly 4.61 % and 3.71 % may break (60 and 100 parts). `keepTemperature` leaves both as they are.
 */
export async function calibrateBundle(job: CalibrationJobOptions): Promise<Calibration> {
  const { bundle, set, runtime, wishes } = job;
  const heldOut = heldOutFrames(set.samples, trainingFilesOf(bundle));
  const usable = heldOut.samples.length > 0 ? heldOut.samples : set.samples;
  const model = decodeModel(bundleFile(bundle, MODEL_FILE));
  const judge = (bytes: Uint8Array, stage: "judge" | "certify") =>
    judgeFrames(bytes, { classes: set.classes, samples: usable }, judgeOptions(job, stage));

  const first = await judge(bundleFile(bundle, MODEL_FILE), "judge");
  const { classes } = bundle.manifest;
  const before = calibrationOf(model, classes.length);
  const known = regionLogits(first.frames, before);
  const fits = !job.keepTemperature && known.truths.length > 0 && heldOut.samples.length > 0;
  const kinds = classes.map(({ kind }) => kind);
  const fitted = (): ScoreCalibration => fitCalibration(known.logits, known.truths, kinds, before.biases);
  const after = fits ? changedCalibration(before, fitted()) : before;
  const bytes = after === before ? bundleFile(bundle, MODEL_FILE) : encodeModel(withCalibration(model, after));
  const frames = after === before ? first.frames : (await judge(bytes, "certify")).frames;

  const chosen = limitsByWishes(frames, wishes, bundle.manifest.decision);
  const obstacle = certificateObstacle(job, heldOut, frames);
  const certificate = obstacle === null ? certificateOf(job, { chosen, bytes, frames }) : null;
  const sentences = sentencesOf(wishes, chosen, obstacle);
  const regions = fits ? known.truths.length : 0;
  const temperature = { before: before.temperature, after: after.temperature, regions };
  const leftOut = { trained: heldOut.trained.length, synthetic: heldOut.synthetic.length };
  const card = calibrationCard({ temperature, chosen, certificate, sentences, leftOut, frames });
  const checkpoint = bundle.files.get(CHECKPOINT_FILE);
  const manifest = await rewriteBundle(
    job.path,
    withoutOldLimits(bundle),
    {
      model: bytes,
      ...(checkpoint === undefined || !fits
        ? {}
        : { checkpoint: encodeModel(withCalibration(decodeModel(checkpoint), after)) }),
      manifest: { decision: { temperature: after.temperature, ...chosen.limits }, certificate },
      metrics: {
        classBiases: Object.fromEntries(classes.map(({ name }, index) => [name, after.biases[index] ?? 0])),
        calibration: { temperature, escape: chosen.escape, overkill: chosen.overkill, leftOut, sentences },
      },
      card: [card],
    },
    runtime,
  );
  return { manifest, temperature, chosen, certificate, leftOut, unreadable: first.unreadable, sentences };
}

/** Calibrating twice must not change the model again: what the search cannot tell apart stays as it was. */
function changedCalibration(before: ScoreCalibration, fitted: ScoreCalibration): ScoreCalibration {
  const isSame =
    Math.abs(Math.log(fitted.temperature / before.temperature)) < 1e-4 &&
    fitted.biases.every((bias, index) => Math.abs(bias - (before.biases[index] ?? 0)) < 1e-4);
  return isSame ? before : fitted;
}

const judgeOptions = ({ bundle, runtime, onProgress }: CalibrationJobOptions, stage: "judge" | "certify") => ({
  classes: bundle.manifest.classes,
  input: { widthPx: bundle.manifest.input.width, heightPx: bundle.manifest.input.height },
  regions: bundle.manifest.regions,
  runtime,
  onProgress: (done: number, total: number) => onProgress(stage, done, total),
});

/** Why these frames must not certify this model, whatever their number; null where they may. Fails closed. */
function certificateObstacle(
  { bundle, set, vouched }: CalibrationJobOptions,
  heldOut: HeldOutFrames,
  frames: readonly JudgedFrame[],
): string | null {
  if (heldOut.samples.length === 0) {
    return heldOut.synthetic.length > 0 && heldOut.trained.length === 0
      ? "every frame is synthetic, and synthetic frames never certify; calibrate on photographs of the line"
      : "no frame is left that the model was not trained on; calibrate on parts it never saw";
  }
  if (frames.length === 0) return "no frame could be read";
  if (set.version === bundle.manifest.provenance.datasetVersion) {
    return "these are the very data the model was trained on; calibrate on parts it never saw";
  }
  if (!bundle.files.has(TRAINING_FILES) && !vouched) {
    return (
      `the bundle has no ${TRAINING_FILES}, so whether it was trained on these parts cannot be checked; ` +
      "say --held-out if you know that it was not"
    );
  }
  return null;
}

function certificateOf(
  { set, wishes, issuedAt }: CalibrationJobOptions,
  made: { readonly chosen: ChosenLimits; readonly bytes: Uint8Array; readonly frames: readonly JudgedFrame[] },
): EscapeCertificate | null {
  const { escape, overkill } = made.chosen;
  if (wishes.escape === null || escape === null || !escape.kept) return null;
  const read = new Set(made.frames.map(({ sha256 }) => sha256));
  return {
    maxEscape: wishes.escape.maxRate,
    confidence: wishes.escape.confidence,
    parts: escape.parts,
    escapes: escape.wrong,
    passBelow: escape.limit,
    overkill:
      wishes.overkill === null || overkill === null || !overkill.kept
        ? null
        : {
            maxOverkill: wishes.overkill.maxRate,
            parts: overkill.parts,
            rejected: overkill.wrong,
            rejectFrom: overkill.limit,
          },
    modelSha256: createHash("sha256").update(made.bytes).digest("hex"),
    calibrationSetSha256: versionOf(set.samples.filter(({ sha256 }) => read.has(sha256))),
    issuedAt,
  };
}

function sentencesOf(wishes: LimitWishes, { escape, overkill }: ChosenLimits, obstacle: string | null): string[] {
  if (obstacle !== null) return [`no certificate: ${obstacle}`];
  return [
    ...(wishes.escape === null || escape === null ? [] : [promiseSentence("escape", wishes.escape, escape)]),
    ...(wishes.overkill === null || overkill === null ? [] : [promiseSentence("overkill", wishes.overkill, overkill)]),
    ...(wishes.escape === null
      ? ["no certificate: the limits were chosen by cost, and no --max-escape was given"]
      : []),
  ];
}

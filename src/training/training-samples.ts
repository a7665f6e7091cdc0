import { messageOf, SightlineError } from "../contracts/errors.ts";
import type { ModelClass, RegionPlan } from "../contracts/model-bundle.ts";
import { readImageSize } from "../imaging/image-size.ts";
import type { PixelRect } from "../imaging/pixel-rect.ts";
import { type FrameSize, planRegions } from "../pipeline/preprocess/preprocess.ts";
import type { UnreadableFile } from "./model-pixels.ts";
import type { LearningSet, Sample } from "./learning-set.ts";
import { regionLabel } from "./region-label.ts";
import { runTogether } from "../platform/run-together.ts";

/** One input of the network: a region of a frame with what it shows. */
export interface TrainingRegion {
  /** Of the frame, in the learning set's samples. */
  readonly sampleIndex: number;
  /** In px of the frame. */
  readonly rect: PixelRect;
  /** Of the whole frame. */
  readonly frameSize: FrameSize;
  readonly label: string;
  readonly classIndex: number;
  /** The physical part. */
  readonly group: string;
  /** Of the frame's file. */
  readonly sha256: string;
  /** The region is the whole frame. */
  readonly isWhole: boolean;
}

export interface TrainingSamples {
  /** In regions mode `full` the learning set's; in a grid good labels and those of boxes, as they occur, sorted. */
  readonly classes: readonly ModelClass[];
  /** Frame by frame, in the order of planRegions. */
  readonly regions: readonly TrainingRegion[];
  /** Regions left out because the marks do not decide what they show, see region-label.ts. */
  readonly undecidedCount: number;
  /** Frames that gave no region for that reason. */
  readonly undecidedFiles: readonly string[];
  readonly unreadable: readonly UnreadableFile[];
}

/** Files whose headers are read at a time. */
const FILES_AT_ONCE = 8;

/**
 * What there is to train on. Throws SightlineError DATA_INVALID when no defect or no good region is left, as in a grid
 * over images that have no boxes.
 */
export async function listTrainingRegions(set: LearningSet, plan: RegionPlan): Promise<TrainingSamples> {
  const sizes = await runTogether(set.samples, FILES_AT_ONCE, ({ image }) =>
    readImageSize(image.path).catch((error: unknown) => messageOf(error)),
  );
  const unreadable: UnreadableFile[] = [];
  const undecidedFiles: string[] = [];
  const found: Omit<TrainingRegion, "classIndex">[] = [];
  let undecidedCount = 0;
  const goodLabels = set.classes.filter(({ kind }) => kind === "good").map(({ name }) => name);
  for (const [sampleIndex, sample] of set.samples.entries()) {
    const size = sizes[sampleIndex];
    if (size === undefined || typeof size === "string") {
      unreadable.push({ file: sample.image.file, path: sample.image.path, reason: size ?? "not read" });
      continue;
    }
    const planned = planRegions(size, plan);
    const decided = regionsOf(sample, sampleIndex, size, planned, goodLabels);
    found.push(...decided);
    undecidedCount += planned.length - decided.length;
    if (decided.length === 0) undecidedFiles.push(sample.image.file);
  }
  const classes = plan.mode === "full" ? set.classes : classesOf(found, goodLabels);
  checkBothKinds(found, goodLabels, plan);
  const indexOf = new Map(classes.map(({ name }, index) => [name, index]));
  const regions = found.map((region): TrainingRegion => ({ ...region, classIndex: indexOf.get(region.label) ?? -1 }));
  return { classes, regions, undecidedCount, undecidedFiles, unreadable };
}

function regionsOf(
  { image, group, sha256 }: Sample,
  sampleIndex: number,
  frameSize: FrameSize,
  planned: readonly PixelRect[],
  goodLabels: readonly string[],
): Omit<TrainingRegion, "classIndex">[] {
  return planned.flatMap((rect) => {
    const isWhole = rect.widthPx === frameSize.widthPx && rect.heightPx === frameSize.heightPx;
    const label = regionLabel(image, rect, isWhole, goodLabels);
    return label === null ? [] : { sampleIndex, rect, frameSize, label, group, sha256, isWhole };
  });
}

/** An image's own label is only its commonest box's in a grid, so only labels that regions have become classes. */
function classesOf(regions: readonly { label: string }[], goodLabels: readonly string[]): ModelClass[] {
  const labels = [...new Set(regions.map(({ label }) => label))].sort();
  return labels.map((name) => ({ name, kind: goodLabels.includes(name) ? "good" : "defect" }));
}

function checkBothKinds(regions: readonly { label: string }[], goodLabels: readonly string[], plan: RegionPlan): void {
  const goodCount = regions.filter(({ label }) => goodLabels.includes(label)).length;
  if (goodCount > 0 && goodCount < regions.length) return;
  const missing = goodCount === 0 ? "good" : "defective";
  const advice =
    plan.mode === "grid"
      ? "a grid needs boxes (annotations.coco.json) that say which region a defect is in; mark them or train on whole frames"
      : "add some";
  throw new SightlineError("DATA_INVALID", `no ${missing} region is left to train on: ${advice}`);
}

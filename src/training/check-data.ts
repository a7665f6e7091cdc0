import type { ModelClass, RegionPlan } from "../contracts/model-bundle.ts";
import type { InputSizePx } from "./model-pixels.ts";
import type { LearningSet } from "./learning-set.ts";
import { nearDuplicates } from "../datasets/near-duplicates.ts";
import type { PixelStore } from "./pixel-store.ts";
import { maskAreaPx } from "./region-mask.ts";
import { type EmbeddedItem, separationAuroc } from "./separation.ts";
import type { TrainingRegion, TrainingSamples } from "./training-samples.ts";

/** Something a person should know before time is spent on training. */
export interface DataFinding {
  /** Errors make the training, or what it reports, worthless. */
  readonly severity: "error" | "warning";
  readonly check: "parts" | "leak" | "size" | "balance" | "separation";
  /** What is wrong, where, and what to do. */
  readonly text: string;
}

const error = (check: DataFinding["check"], text: string): DataFinding => ({ severity: "error", check, text });
const warning = (check: DataFinding["check"], text: string): DataFinding => ({ severity: "warning", check, text });

const FEWEST_PARTS = 2;
const FEW_PARTS = 10;

/** What the split of the data looks like: regions, and which of them are held out for validation. */
export interface SplitRegions {
  readonly classes: readonly ModelClass[];
  readonly regions: readonly TrainingRegion[];
  /** Indices of held-out regions. */
  readonly validation: readonly number[];
}

/** Classes with too few physical parts, in all or on one side of the split. */
export function checkParts({ classes, regions, validation }: SplitRegions): DataFinding[] {
  const heldOut = new Set(validation);
  const few: string[] = [];
  const findings = classes.flatMap(({ name }, classIndex) => {
    const groupsOf = (wanted: boolean): Set<string> =>
      new Set(
        regions
          .filter((region, index) => region.classIndex === classIndex && heldOut.has(index) === wanted)
          .map(({ group }) => group),
      );
    const training = groupsOf(false);
    const held = groupsOf(true);
    const count = new Set([...training, ...held]).size;
    const parts = `class ${name} has ${count === 1 ? "1 part" : `${count} parts`}`;
    if (count < FEWEST_PARTS) {
      const advice = "so it cannot be both learnt and checked; add parts or merge it with another class";
      return error("parts", `${parts}, ${advice}`);
    }
    if (validation.length > 0 && (training.size === 0 || held.size === 0)) {
      const side = held.size === 0 ? "held out" : "left to train on";
      return error("parts", `${parts} but none is ${side}; add parts or change the split (--seed, --split-by)`);
    }
    if (count < FEW_PARTS) few.push(`${name} ${count}`);
    return [];
  });
  if (few.length === 0) return findings;
  const advice = `figures of a class mean something from about ${FEW_PARTS} on: add parts`;
  return [...findings, warning("parts", `few parts of some classes (${few.join(", ")}); ${advice}`)];
}

const PAIRS_NAMED = 3;

/** Parts, files or pictures that are on both sides of the split. */
export function checkLeaks(
  set: Pick<LearningSet, "samples">,
  store: Pick<PixelStore, "regions" | "frames">,
  validation: readonly number[],
): DataFinding[] {
  const heldOut = new Set(validation);
  const bothSides = (key: (region: TrainingRegion) => string): string[] => {
    const held = new Set(store.regions.filter((_, index) => heldOut.has(index)).map(key));
    const trained = new Set(store.regions.filter((_, index) => !heldOut.has(index)).map(key));
    return [...held].filter((name) => trained.has(name));
  };
  const fileOf = (index: number): string => set.samples[store.regions[index]?.sampleIndex ?? -1]?.image.file ?? "?";
  const findings: DataFinding[] = [];
  const parts = bothSides(({ group }) => group);
  if (parts.length > 0) {
    findings.push(error("leak", `${some(parts)} on both sides of the split (part); hold out whole parts`));
  }
  const hashes = bothSides(({ sha256 }) => sha256);
  if (hashes.length > 0) {
    const files = hashes.map((hash) => fileOf(store.regions.findIndex(({ sha256 }) => sha256 === hash)));
    findings.push(error("leak", `${some(files)} on both sides of the split (same file); remove the copies`));
  }
  const heldFrames = new Set(validation.map((index) => store.regions[index]?.sampleIndex));
  const sampleOf = (frame: number) => set.samples[store.frames[frame]?.sampleIndex ?? -1];
  const isHeld = (frame: number): boolean => heldFrames.has(store.frames[frame]?.sampleIndex);
  const pairs = nearDuplicates(
    store.frames.map(({ print }) => print),
    (first, second) => isHeld(first) !== isHeld(second) && sampleOf(first)?.group !== sampleOf(second)?.group,
  );
  const frameFile = (frame: number): string => sampleOf(frame)?.image.file ?? "?";
  const named = [...new Set(pairs.map(({ first, second }) => `${frameFile(first)} and ${frameFile(second)}`))];
  if (named.length > 0) {
    const shown = named.slice(0, PAIRS_NAMED).join("; ");
    const more = named.length > PAIRS_NAMED ? `, and ${named.length - PAIRS_NAMED} more pairs` : "";
    const join = store.regions.every(({ isWhole }) => isWhole) ? " or use --join-lookalikes" : "";
    const advice = `if they show the same part, give them one part id${join}, or the figures will be wrong`;
    findings.push(warning("leak", `near-identical images on both sides of the split: ${shown}${more}; ${advice}`));
  }
  return findings;
}

const some = (names: readonly string[]): string => {
  const shown = names.slice(0, PAIRS_NAMED).join(", ");
  const isAre = names.length === 1 ? "is" : "are";
  return names.length > PAIRS_NAMED ? `${shown} and ${names.length - PAIRS_NAMED} more are` : `${shown} ${isAre}`;
};

/** A defect must cover about this many pixels across at the input, or the first layers smooth it away. */
const LEAST_DEFECT_PX = 3;
const TINY_SHARE_TOLD = 0.05;
const ENLARGED_SHARE_TOLD = 0.2;
/** Beyond this factor an enlarged picture only costs time. */
const MOST_ENLARGEMENT = 2;
const SIZE_STEP_PX = 32;

/** Pictures much smaller than the input, and defects that nearly vanish at it. */
export function checkInputSize(
  set: Pick<LearningSet, "samples">,
  store: Pick<PixelStore, "regions" | "size">,
  plan: RegionPlan,
): DataFinding[] {
  const { size, regions } = store;
  const enlarged = regions.filter(({ rect }) => enlargement(rect, size) > MOST_ENLARGEMENT);
  const findings: DataFinding[] = [];
  if (enlarged.length > ENLARGED_SHARE_TOLD * regions.length) {
    const sides = enlarged.map(({ rect }) => Math.max(rect.widthPx, rect.heightPx)).sort((a, b) => a - b);
    const typicalPx = Math.max(SIZE_STEP_PX, roundedUp(sides[Math.floor(sides.length / 2)] ?? 0));
    const what = `${percent(enlarged.length, regions.length)} of the pictures are less than half as large as the input`;
    findings.push(warning("size", `${what} of ${shownSize(size)} px; --size ${typicalPx} is as good and faster`));
  }
  const sidesPx = defectSidesPx(set, store);
  const tiny = sidesPx.filter((sidePx) => sidePx < LEAST_DEFECT_PX);
  if (tiny.length > TINY_SHARE_TOLD * sidesPx.length) {
    const sorted = sidesPx.toSorted((a, b) => a - b);
    // Enough for all but the smallest twentieth.
    const factor = LEAST_DEFECT_PX / Math.max(0.2, sorted[Math.floor(TINY_SHARE_TOLD * sorted.length)] ?? 1);
    const what = `${percent(tiny.length, sidesPx.length)} of the defects cover less than ${LEAST_DEFECT_PX} px across`;
    findings.push(warning("size", `${what} at the input of ${shownSize(size)} px; ${largerInput(size, plan, factor)}`));
  }
  return findings;
}

const enlargement = (rect: { widthPx: number; heightPx: number }, size: InputSizePx): number =>
  Math.min(size.widthPx / rect.widthPx, size.heightPx / rect.heightPx);

function largerInput(size: InputSizePx, plan: RegionPlan, factor: number): string {
  const sizePx = roundedUp(Math.max(size.widthPx, size.heightPx) * factor);
  const times = Math.max(2, Math.ceil(factor));
  const rows = plan.mode === "grid" ? plan.rows * times : times;
  const columns = plan.mode === "grid" ? plan.cols * times : times;
  return `use --size ${sizePx}, or look at the picture in pieces with --grid ${rows}x${columns}`;
}

/**
 * Root of the area of every marked defect at the input size. Boxes count one by one; of a mask, which does not tell
 * defects apart, all of it in a region.
 */
function defectSidesPx(
  set: Pick<LearningSet, "samples">,
  { regions, size }: Pick<PixelStore, "regions" | "size">,
): number[] {
  return regions.flatMap(({ sampleIndex, rect, mask }) => {
    if (mask === null || mask === "clear") return [];
    const boxes = set.samples[sampleIndex]?.image.boxes ?? null;
    if (boxes === null || boxes.length === 0) return Math.sqrt(maskAreaPx(mask));
    const scale = Math.sqrt((size.widthPx * size.heightPx) / (rect.widthPx * rect.heightPx));
    return boxes
      .filter(({ xPx, yPx, widthPx, heightPx }) => {
        const middleX = xPx + widthPx / 2 - rect.xPx;
        const middleY = yPx + heightPx / 2 - rect.yPx;
        return middleX >= 0 && middleX < rect.widthPx && middleY >= 0 && middleY < rect.heightPx;
      })
      .map(({ widthPx, heightPx }) => Math.sqrt(widthPx * heightPx) * scale);
  });
}

const roundedUp = (px: number): number => Math.ceil(px / SIZE_STEP_PX) * SIZE_STEP_PX;
const shownSize = ({ widthPx, heightPx }: InputSizePx): string => `${widthPx}x${heightPx}`;
const percent = (part: number, whole: number): string => `${Math.max(1, Math.round((100 * part) / whole))}%`;

const UNEVEN_FACTOR = 20;
/** As many pictures are enough, however many there are of other classes. */
const ENOUGH_PICTURES = 200;

/** Classes that are few, and rare beside the commonest. */
export function checkBalance({ classes, regions }: Pick<SplitRegions, "classes" | "regions">): DataFinding[] {
  const counts = classes.map(({ name }, index) => ({
    name,
    count: regions.filter(({ classIndex }) => classIndex === index).length,
  }));
  const most = counts.reduce((one, other) => (other.count > one.count ? other : one), { name: "", count: 0 });
  const rare = counts.filter(({ count }) => count < ENOUGH_PICTURES && count * UNEVEN_FACTOR < most.count);
  if (rare.length === 0) return [];
  const found = `few pictures of ${rare.map(({ name, count }) => `${name} (${count})`).join(", ")}`;
  const advice = "balanced sampling shows the few again and again: add more of them";
  return [warning("balance", `${found} beside ${most.name} (${most.count}); ${advice}`)];
}

const SEPARATED_AUROC = 0.9;

/** Frozen features that do not tell good from defective. */
export function checkSeparation(items: readonly EmbeddedItem[], seed: number): DataFinding[] {
  const found = separationAuroc(items, seed);
  if (!(found < SEPARATED_AUROC)) return [];
  const what = `on parts not seen, the frozen features tell good from defective with AUROC ${found.toFixed(3)} only`;
  return [warning("separation", `${what}: they underfit; unfreeze with --layers last:6 or --layers all`)];
}

/** Everything that can be said before a network is run, errors first. */
export function checkTrainingData({ set, samples, store, plan, validation }: TrainingData): DataFinding[] {
  // The store's regions: those of unreadable files are not among them.
  const split = { classes: samples.classes, regions: store.regions, validation };
  const findings = [
    ...checkParts(split),
    ...checkLeaks(set, store, validation),
    ...checkInputSize(set, store, plan),
    ...checkBalance(split),
  ];
  return findings.sort((one, other) => Number(other.severity === "error") - Number(one.severity === "error"));
}

export interface TrainingData {
  readonly set: LearningSet;
  readonly samples: TrainingSamples;
  readonly store: PixelStore;
  readonly plan: RegionPlan;
  /** Indices of held-out regions of the store. */
  readonly validation: readonly number[];
}

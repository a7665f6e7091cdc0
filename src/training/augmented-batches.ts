import { augmentToRgb, type CellGrid, coverageOf, type PixelChange, unchanged } from "../imaging/augment.ts";
import { seededRandom } from "../platform/random.ts";
import { type AugmentationSettings, drawAugmentation, heldInView, pixelChangeOf } from "./augmentation.ts";
import type { DrawnItem } from "./batch-sampler.ts";
import type { InputSizePx } from "./model-pixels.ts";
import { mixedSeed } from "./mixed-seed.ts";
import type { PixelStore, StoredRegion } from "./pixel-store.ts";
import { maskAreaPx, maskCanvas } from "./region-mask.ts";
import { canTransplant, transplant } from "./transplant.ts";

/** Memory the caller owns and that is filled anew for every batch. B is the number of items. */
export interface TrainingBatch {
  /** uint8 [B, H, W, 3] */
  readonly pixels: Uint8Array;
  /** [B] */
  readonly classIndices: Int32Array;
  readonly coverage: CoverageBatch | null;
}

export interface CoverageBatch {
  readonly cells: CellGrid;
  /** float32 [B, rows, columns]: share of the cell that is a defect, 0 to 1; 0 where it is not known. */
  readonly values: Float32Array;
  /** [B]: 1 where somebody marked the defect or the region is good, else 0. */
  readonly known: Float32Array;
}

/** Room for `count` items; `cells`: the size of the model's heatmap, null where its places are not trained. */
export function makeTrainingBatch(size: InputSizePx, count: number, cells: CellGrid | null): TrainingBatch {
  const coverage = (grid: CellGrid): CoverageBatch => ({
    cells: grid,
    values: new Float32Array(count * grid.columns * grid.rows),
    known: new Float32Array(count),
  });
  return {
    pixels: new Uint8Array(count * size.widthPx * size.heightPx * 3),
    classIndices: new Int32Array(count),
    coverage: cells === null ? null : coverage(cells),
  };
}

export interface AugmentationRun {
  readonly store: PixelStore;
  readonly settings: AugmentationSettings;
  readonly seed: number;
  /** Good regions that may lend their picture to a defect. */
  readonly hosts: readonly number[];
  /** Share of the outlined defects that are shown on another part's picture, 0-1. */
  readonly transplantShare: number;
}

/** With less of its area left in view, a picture no longer shows the defect it is labelled with. */
const LEAST_SHARE_IN_VIEW = 0.6;
const DRAWINGS = 4;
const WHOLE: CellGrid = { columns: 1, rows: 1 };

/**
 * Fills the first places of `batch` with freshly augmented regions of the store. What an item becomes depends on the
 * seed, its epoch and its position alone: the same bytes on every machine and after every resumption. A marked defect
 * stays in view.
 */
export function fillAugmented(batch: TrainingBatch, items: readonly DrawnItem[], run: AugmentationRun): void {
  for (const [place, { index, epoch, position }] of items.entries()) {
    const random = seededRandom(mixedSeed(run.seed, epoch, position));
    const region = onAnotherPart(regionAt(run.store, index), run, random);
    fillPlace(batch, place, region, changeInView(region, run.settings, random));
  }
}

/** The region's defect on a good part's picture, or the region as it is. Draws twice either way. */
function onAnotherPart(
  region: StoredRegion,
  { store, hosts, transplantShare }: AugmentationRun,
  random: () => number,
): StoredRegion {
  const isChosen = random() < transplantShare;
  const host = store.regions[hosts[Math.floor(random() * hosts.length)] ?? -1];
  if (!isChosen || host === undefined || !canTransplant(region)) return region;
  return { ...region, canvas: transplant(region, host.canvas) };
}

/** The same without augmentation, for validation: the bytes a device would feed. */
export function fillPlain(batch: TrainingBatch, indices: readonly number[], store: PixelStore): void {
  const change = unchanged(store.size);
  for (const [place, index] of indices.entries()) fillPlace(batch, place, regionAt(store, index), change);
}

/** Draws until enough of a marked defect is left in view; gives up on moving after a few drawings. */
export function changeInView(
  { canvas, mask, label }: StoredRegion,
  settings: AugmentationSettings,
  random: () => number,
): PixelChange {
  const first = drawAugmentation(settings, label, random);
  if (mask === null || mask === "clear") return pixelChangeOf(first, canvas);
  const wanted = (LEAST_SHARE_IN_VIEW * maskAreaPx(mask)) / (canvas.widthPx * canvas.heightPx);
  const whole = maskCanvas(mask, canvas);
  const inView = new Float32Array(1);
  let drawn = first;
  for (let drawing = 0; drawing < DRAWINGS; drawing++) {
    const change = pixelChangeOf(drawn, canvas);
    coverageOf(whole, change, WHOLE, inView, 0);
    // Enlarged defects cover more and shrunk ones less, out of view or not.
    if ((inView[0] ?? 0) >= wanted * drawn.scale ** 2) return change;
    drawn = drawAugmentation(settings, label, random);
  }
  return pixelChangeOf(heldInView(first), canvas);
}

function regionAt(store: PixelStore, index: number): StoredRegion {
  const region = store.regions[index];
  if (region === undefined) throw new RangeError(`the store of ${store.regions.length} regions has no region ${index}`);
  return region;
}

function fillPlace(batch: TrainingBatch, place: number, region: StoredRegion, change: PixelChange): void {
  const { canvas, mask } = region;
  augmentToRgb(canvas, change, batch.pixels, place * canvas.widthPx * canvas.heightPx * 3);
  batch.classIndices[place] = region.classIndex;
  if (batch.coverage === null) return;
  const { cells, values, known } = batch.coverage;
  const cellCount = cells.columns * cells.rows;
  known[place] = mask === null ? 0 : 1;
  if (mask === null || mask === "clear") values.fill(0, place * cellCount, (place + 1) * cellCount);
  else coverageOf(maskCanvas(mask, canvas), change, cells, values, place * cellCount);
}

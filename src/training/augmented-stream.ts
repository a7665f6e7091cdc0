import type { ModelClass } from "../contracts/model-bundle.ts";
import type { CellGrid } from "../imaging/augment.ts";
import type { AugmentationSettings } from "./augmentation.ts";
import { fillAugmented, makeTrainingBatch, type TrainingBatch } from "./augmented-batches.ts";
import { BatchSampler } from "./batch-sampler.ts";
import type { PixelStore } from "./pixel-store.ts";

export interface StreamOptions {
  readonly store: PixelStore;
  readonly classes: readonly ModelClass[];
  /** Regions to draw from. */
  readonly indices: readonly number[];
  readonly batchSize: number;
  /** Cells of the last feature map; null: places are not trained. */
  readonly cells: CellGrid | null;
  readonly augmentation: AugmentationSettings;
  readonly balance: number;
  readonly goodShare: number;
  readonly transplantShare: number;
  readonly seed: number;
}

/**
 * Numbered batches of augmented training images: the same number always gives the same batch, so a resumed run needs no
 * memory of its stream. Two batches may be in use at a time; the third overwrites the first.
 */
export function augmentedStream(options: StreamOptions): (position: number) => Promise<TrainingBatch> {
  const { store, classes, indices, batchSize, cells, augmentation, balance, goodShare, transplantShare, seed } =
    options;
  const items = indices.map((index) => ({ index, classIndex: store.regions[index]?.classIndex ?? 0 }));
  const goodClasses = [...classes.keys()].filter((index) => classes[index]?.kind === "good");
  const hosts = items.filter(({ classIndex }) => goodClasses.includes(classIndex)).map(({ index }) => index);
  const makeSampler = (): BatchSampler => new BatchSampler({ items, goodClasses, balance, goodShare, seed });
  const buffers = [0, 1].map(() => makeTrainingBatch(store.size, batchSize, cells));
  let sampler = makeSampler();
  let nextPosition = 0;
  return (position) => {
    if (position < nextPosition) {
      sampler = makeSampler();
      nextPosition = 0;
    }
    for (; nextPosition < position; nextPosition++) sampler.take(batchSize);
    const drawn = sampler.take(batchSize);
    nextPosition++;
    const batch = buffers[position % 2];
    if (batch === undefined) throw new Error("there is no buffer for the batch");
    fillAugmented(batch, drawn, { store, settings: augmentation, seed, hosts, transplantShare });
    return Promise.resolve(batch);
  };
}

import { ADAM_DEFAULTS } from "./finetune/adam.ts";
import type { LearnJob } from "./learn.ts";
import type { Layers } from "./network-blocks.ts";

/** Images drawn in a fine-tuning that is told nothing else: ten minutes on two cores for a MobileNet, more or less. */
const IMAGE_BUDGET = 30_000;
/** Small data sets are not gone through more often than this, large ones at least this often. */
const MOST_EPOCHS = 40;
const LEAST_EPOCHS = 1;

/** Images to draw for a data set of `regions`: as many epochs as asked for, or as fit the budget. */
export function imageBudget(regions: number, epochs: number | undefined): number {
  if (epochs !== undefined) return epochs * regions;
  return Math.min(MOST_EPOCHS * regions, Math.max(LEAST_EPOCHS * regions, IMAGE_BUDGET));
}

/** Found on the magnetic tiles, split by tile; see docs/models.md. */
export const FINE_TUNING_DEFAULTS: LearnJob["fineTuning"] = {
  batchSize: 16,
  labelSmoothing: 0.05,
  cellLossWeight: 1,
  schedule: { peak: 0.01, warmUpShare: 0.05, floorShare: 0.01 },
  optimizer: ADAM_DEFAULTS,
  headRate: 1,
  patienceEpochs: 6,
  threads: 2,
};

/** Classes drawn in proportion to the square root of their number, at least a third of them good. */
export const SAMPLING_DEFAULTS = { balance: 0.5, goodShare: 0.33, transplantShare: 0.6 } as const;

export const describeLayers = (layers: Layers): string =>
  layers.kind === "last" ? `last:${layers.count}` : layers.kind;

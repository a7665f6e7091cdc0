import { z } from "zod";

/**
 * How frames look while all is well: of each stream the quantiles, and how much means of a batch scatter beyond what
 * independent frames would (parts come in lots, lamps flicker). JSON, so that a bundle or a disk can hold it.
 */
export const DriftReference = z.strictObject({
  frames: z.int().positive(),
  projectionSeed: z.int(),
  embeddingSize: z.int().min(0).describe("0: the model gave no embeddings"),
  whitening: z
    .strictObject({ mean: z.array(z.number()), factor: z.array(z.number()) })
    .nullable()
    .describe("mean and Cholesky factor (lower triangle, row after row) of the projected embeddings"),
  streams: z.record(
    z.string(),
    z.strictObject({
      quantiles: z.array(z.number()).min(3).describe("ascending, at equal steps of the share from 0 to 1"),
      batchSpread: z.number().positive(),
    }),
  ),
});
export type DriftReference = z.infer<typeof DriftReference>;

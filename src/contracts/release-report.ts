import { z } from "zod";

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const ReportedModel = z.strictObject({ name: z.string(), version: z.string(), sha256: Sha256 });

/**
 * Retained on `ROOT/DEVICE/release`, and body of `PUT /api/v1/device/release`: what a device runs, what it tries beside or
 * instead of it, and how the last try ended. `parts` and `disagreements` are of the candidate since it began its phase.
 */
export const ReleaseReport = z.strictObject({
  schema: z.literal(1),
  device: z.string(),
  at: z.iso.datetime({ precision: 3 }),
  active: ReportedModel,
  candidate: z
    .strictObject({
      ...ReportedModel.shape,
      phase: z.enum(["downloading", "verifying", "shadow", "trial"]),
      parts: z.int().min(0),
      disagreements: z.int().min(0),
      note: z.string(),
    })
    .nullable(),
  last: z
    .strictObject({
      outcome: z.enum(["committed", "rolled-back", "refused"]),
      name: z.string(),
      version: z.string(),
      code: z.string(),
      sentence: z.string(),
      at: z.iso.datetime({ precision: 3 }),
    })
    .nullable(),
});
export type ReleaseReport = z.infer<typeof ReleaseReport>;

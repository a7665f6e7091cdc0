import { z } from "zod";

/** Body of `PUT /api/v1/device/drift`, and in a device's health: what no longer looks as it did when the model was trained. */
export const DriftAlarm = z.strictObject({
  schema: z.literal(1),
  device: z.string(),
  at: z.iso.datetime({ precision: 3 }),
  stream: z.string(),
  direction: z.string(),
  usual: z.number(),
  now: z.number(),
  /** What changed, for people. */
  sentence: z.string(),
  framesSinceStart: z.int().min(0),
});
export type DriftAlarm = z.infer<typeof DriftAlarm>;

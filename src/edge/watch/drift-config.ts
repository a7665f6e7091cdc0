import { z } from "zod";
import { DRIFT_DEFAULTS } from "../../drift/drift-detector.ts";
import { LEAST_REFERENCE_FRAMES } from "../../drift/drift-reference.ts";

export const DriftConfig = z.strictObject({
  enabled: z.boolean().default(true).describe("watch for changes of camera, light, parts and scores"),
  referenceFrames: z
    .int()
    .min(LEAST_REFERENCE_FRAMES)
    .max(10_000)
    .default(400)
    .describe("inspected frames a model's first look at this line is learnt from; later ones are compared with them"),
  falseAlarmEveryFrames: z
    .number()
    .min(1000)
    .max(1e9)
    .default(DRIFT_DEFAULTS.falseAlarmEveryFrames)
    .describe("frames between two alarms for nothing, on average; a fleet of a hundred has a hundred times as many"),
});
export type DriftConfig = Readonly<z.infer<typeof DriftConfig>>;

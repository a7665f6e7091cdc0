import { z } from "zod";

const Model = z.strictObject({ name: z.string(), version: z.string(), sha256: z.string().describe("of model.onnx") });
const Time = z.iso.datetime({ precision: 3 });

/** Retained on `ROOT/DEVICE/release`: which model judges, which one is being tried, and what became of the last. */
export const ReleaseReport = z.strictObject({
  schema: z.literal(1),
  device: z.string(),
  at: Time,
  active: Model.describe("the model the device falls back on: committed, or the one of its configuration"),
  candidate: Model.extend({
    phase: z.enum(["downloading", "verifying", "shadow", "trial"]),
    parts: z.int().nonnegative().describe("judged by the candidate in this phase"),
    wanted: z.int().nonnegative().describe("parts after which the phase is decided; 0 where none are counted"),
    disagreements: z.int().nonnegative().describe("parts that the candidate and the other model judged differently"),
    note: z.string().describe("what it waits for, in words"),
  })
    .nullable()
    .describe("in a trial it gives the verdicts, though not committed; sha256 is empty until it is known"),
  last: z
    .strictObject({
      outcome: z.enum(["committed", "rolled-back", "refused"]),
      name: z.string(),
      version: z.string(),
      code: z.string(),
      sentence: z.string(),
      at: Time,
    })
    .nullable(),
});
export type ReleaseReport = z.infer<typeof ReleaseReport>;

/** In a device's state, in short. `slot`: what the release is there; `stage` is the director's. */
export const ReleaseInState = z.strictObject({
  slot: z.enum(["active", "trial", "shadow"]),
  model: z.string(),
  version: z.string(),
  stage: z.enum(["shadow", "canary", "fleet"]).nullable().describe("null: the model of the configuration"),
  since: Time,
  note: z.string(),
});
export type ReleaseInState = z.infer<typeof ReleaseInState>;

import { z } from "zod";
import { ReleaseInState } from "./release-report.ts";

/**
 * Retained on `ROOT/DEVICE/state`. `inspecting`: judges every trigger. `degraded`: judges, but something needs a
 * person (see `problems`). `not-inspecting`: every trigger gets a fault. `offline`: planned stop or last will.
 */
export const DeviceState = z.strictObject({
  schema: z.literal(1),
  device: z.string(),
  state: z.enum(["starting", "inspecting", "degraded", "not-inspecting", "offline"]),
  /** The session that published this; a late last will of an older session is recognised by it. */
  bootSeq: z.int().nonnegative(),
  at: z.iso.datetime({ precision: 3 }),
  recipe: z.string().nullable(),
  model: z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() }).nullable(),
  provider: z.string().nullable(),
  release: ReleaseInState.nullable().describe("null: no releases are looked for"),
  problems: z.array(z.strictObject({ code: z.string(), sentence: z.string() })),
});
export type DeviceState = z.infer<typeof DeviceState>;

export const LatencyPercentiles = z.strictObject({ p50: z.number(), p95: z.number(), p99: z.number() });

/** Retained on `ROOT/DEVICE/health`, every few seconds. Counters are of this boot unless named otherwise. */
export const DeviceHealth = z.strictObject({
  schema: z.literal(1),
  device: z.string(),
  bootSeq: z.int().nonnegative(),
  at: z.iso.datetime({ precision: 3 }),
  uptimeS: z.number(),
  triggers: z.int(),
  verdicts: z.strictObject({ pass: z.int(), reject: z.int(), review: z.int(), fault: z.int() }),
  pendingTriggers: z.int().describe("triggers without verdict yet; triggers = verdicts + pendingTriggers"),
  framesPerSecond: z.number(),
  latencyMs: LatencyPercentiles.nullable(),
  backlog: z.int().describe("verdicts on disk that the broker has not taken yet"),
  unrecorded: z.int().describe("verdicts that could not be written to disk"),
  inferenceRestarts: z.int(),
  cameraRestarts: z.int(),
  eventLoopP99Ms: z.number(),
  rssBytes: z.int(),
});
export type DeviceHealth = z.infer<typeof DeviceHealth>;

import { z } from "zod";
import { DriftReference } from "./drift-reference.ts";

/** SHA-256 in lower-case hexadecimal. */
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Probability = z.number().min(0).max(1);

export const ModelClass = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.enum(["good", "defect"]),
});
export type ModelClass = z.infer<typeof ModelClass>;

export const InputSize = z.strictObject({
  width: z.int().min(8).max(4096).describe("px"),
  height: z.int().min(8).max(4096).describe("px"),
  channels: z.literal(3),
});

export const RegionPlan = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("full") }),
  z.strictObject({
    mode: z.literal("grid"),
    rows: z.int().min(1).max(64),
    cols: z.int().min(1).max(64),
    marginPx: z.int().min(0).max(4096),
  }),
]);
export type RegionPlan = z.infer<typeof RegionPlan>;

/**
 * Two limits on the NG score: below `passBelow` the part passes, from `rejectFrom` on it is rejected, between them a
 * person decides (`review`). `temperature` is already inside the graph's probabilities; it is kept for the record.
 */
export const DecisionLimits = z
  .strictObject({ temperature: z.number().positive(), passBelow: Probability, rejectFrom: Probability })
  .refine((limits) => limits.passBelow <= limits.rejectFrom, "passBelow must not exceed rejectFrom");
export type DecisionLimits = z.infer<typeof DecisionLimits>;

/** "P(reject | good) <= maxOverkill with the certificate's confidence", from `parts` held-out good parts. */
export const OverkillPromise = z.strictObject({
  maxOverkill: Probability,
  parts: z.int().nonnegative(),
  /** Of them rejected at `rejectFrom`. */
  rejected: z.int().nonnegative(),
  /** The promise is for every `decision.rejectFrom` from this on. */
  rejectFrom: Probability,
});

/** "P(pass | defective) <= maxEscape with confidence `confidence`", from `parts` held-out defective parts. */
export const EscapeCertificate = z.strictObject({
  maxEscape: Probability,
  confidence: Probability,
  parts: z.int().nonnegative(),
  /** Of them passed at `passBelow`. */
  escapes: z.int().nonnegative(),
  /** The promise is for every `decision.passBelow` up to this. */
  passBelow: Probability,
  /** Null where none was asked for or none could be given. */
  overkill: OverkillPromise.nullable(),
  modelSha256: Sha256,
  /** Over the sorted pairs of file hash and label of the frames it was made from. */
  calibrationSetSha256: Sha256,
  issuedAt: z.iso.datetime(),
});
export type EscapeCertificate = z.infer<typeof EscapeCertificate>;

export const GoldenFrame = z.strictObject({
  /** Lossless image below the bundle's folder. */
  file: z.string().regex(/^golden\/[\w.-]+\.png$/),
  /** Calibrated probability of every class, by name, of the whole frame as one region. */
  scores: z.record(z.string(), Probability),
});

export const Provenance = z.strictObject({
  tool: z.string(),
  createdAt: z.iso.datetime(),
  datasetVersion: z.string(),
  parent: z.string().nullable(),
  /** Options of the command that wrote the bundle. */
  options: z.record(z.string(), z.unknown()),
  /** What was measured, intervals included; free form, shown on the model card. */
  metrics: z.record(z.string(), z.unknown()),
});

/** `manifest.json` of a model bundle; see "Model bundle" in docs/bundle.md. */
export const BundleManifest = z.strictObject({
  schema: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  classes: z.array(ModelClass).min(2).max(256),
  input: InputSize,
  regions: RegionPlan,
  decision: DecisionLimits,
  certificate: EscapeCertificate.nullable(),
  driftBaseline: DriftReference.nullable().describe("held-out frames of the training data as this model sees them"),
  golden: z.array(GoldenFrame).min(1).max(32),
  /** Largest allowed difference of any probability of a golden frame on any provider. */
  goldenTolerance: Probability,
  provenance: Provenance,
  files: z.record(z.string(), z.strictObject({ sha256: Sha256, bytes: z.int().nonnegative() })),
});
export type BundleManifest = z.infer<typeof BundleManifest>;

/** The graph signature every `model.onnx` has: names, element types and dimensions. */
export const MODEL_INPUT = "image";
export const MODEL_OUTPUTS = ["probabilities", "embedding", "heatmap"] as const;

import { z } from "zod";

export const VERDICT_KINDS = ["pass", "reject", "review", "fault"] as const;
export type VerdictKind = (typeof VERDICT_KINDS)[number];

/** Why a part was not inspected, each with the sentence an operator reads. Codes are never reused. */
export const FAULT_REASONS = {
  deadline: "No result in time",
  interrupted: "The device restarted before this part was judged",
  overrun: "Parts came faster than they can be inspected",
  shutdown: "The device was being switched off",
  camera: "The camera delivered no image",
  model: "The model could not judge the image",
  unreadable: "The image cannot be read",
  torn: "The image is incomplete",
  "wrong-size": "The image does not have the expected size",
  dark: "The image is too dark",
  overexposed: "The image is overexposed",
  blurred: "The image is out of focus",
  frozen: "The camera repeats the same image",
  "camera-moved": "The camera or the part holder has moved",
} as const satisfies Record<string, string>;
export type FaultReason = keyof typeof FAULT_REASONS;
const FAULT_REASON_CODES = Object.keys(FAULT_REASONS) as [FaultReason, ...FaultReason[]];

export const HARD_CASE_REASONS = ["uncertain", "novel", "disagreement", "audit", "operator", "fault"] as const;
export type HardCaseReason = (typeof HARD_CASE_REASONS)[number];

const Score = z.number().min(0).max(1);

export const VerdictRegion = z.strictObject({
  x: z.number().min(0).describe("px in the frame, left edge"),
  y: z.number().min(0).describe("px in the frame, top edge"),
  width: z.number().positive().describe("px"),
  height: z.number().positive().describe("px"),
  class: z.string(),
  score: Score,
});
export type VerdictRegion = z.infer<typeof VerdictRegion>;

export const LatencyMs = z
  .strictObject({
    capture: z.number().nonnegative(),
    preprocess: z.number().nonnegative(),
    infer: z.number().nonnegative(),
    decide: z.number().nonnegative(),
    total: z.number().nonnegative().describe("from the trigger to the decision"),
  })
  .describe("monotonic clock");
export type LatencyMs = z.infer<typeof LatencyMs>;

const ModelReference = z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() });

const common = {
  schema: z.literal(1),
  id: z.uuid().describe("UUIDv7, unique for ever; a redelivery keeps it"),
  device: z.string().min(1),
  bootSeq: z.int().positive(),
  verdictSeq: z.int().positive().describe("gap-free within a boot"),
  part: z.string().min(1),
  seq: z.int().nonnegative().nullable().describe("of the frame; null when no frame came"),
  capturedAt: z.iso.datetime({ precision: 3 }).nullable(),
  decidedAt: z.iso.datetime({ precision: 3 }),
  scores: z.record(z.string(), Score).describe("calibrated probability of every class, of the worst region"),
  regions: z.array(VerdictRegion),
  hardCase: z.array(z.enum(HARD_CASE_REASONS)),
  latencyMs: LatencyMs,
  clockSynced: z.boolean(),
};

/** A part that was inspected: always with a class, an NG score and the model that judged. */
export const JudgedVerdict = z.strictObject({
  ...common,
  verdict: z.enum(["pass", "reject", "review"]),
  class: z.string(),
  score: Score.describe("NG score: probability that the part is not good"),
  model: ModelReference,
});
export type JudgedVerdict = z.infer<typeof JudgedVerdict>;

/** A part that was not inspected: never a class, never a score, always a reason. */
export const FaultVerdict = z.strictObject({
  ...common,
  verdict: z.literal("fault"),
  reason: z.enum(FAULT_REASON_CODES),
  class: z.null(),
  score: z.null(),
  model: ModelReference.nullable(),
});
export type FaultVerdict = z.infer<typeof FaultVerdict>;

export const Verdict = z.discriminatedUnion("verdict", [JudgedVerdict, FaultVerdict]);
export type Verdict = z.infer<typeof Verdict>;

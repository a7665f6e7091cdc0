import { z } from "zod";
import { ImageStatistics } from "./image-statistics.ts";
import { HARD_CASE_REASONS, Verdict } from "./verdict.ts";

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");

/** A word of metadata: shift, lighting, a sensor's reading. */
export const CaseMetadata = z
  .record(z.string().min(1).max(64), z.union([z.string().max(256), z.number(), z.boolean()]))
  .refine((metadata) => Object.keys(metadata).length <= 64, "at most 64 entries");
export type CaseMetadata = z.infer<typeof CaseMetadata>;

/** Body of `PUT /api/v1/cases/{verdict id}`: a frame worth a person's look. Its image is sent before it. */
export const HardCaseUpload = z.strictObject({
  schema: z.literal(1),
  verdict: Verdict,
  reasons: z.array(z.enum(HARD_CASE_REASONS)).min(1),
  /** Chance with which this frame was chosen, so that the hub can estimate true rates; null where unknown. */
  selectionProbability: z.number().gt(0).max(1).nullable(),
  image: z.strictObject({
    sha256: Sha256,
    mediaType: z.enum(["image/jpeg", "image/png"]),
    bytes: z.int().positive(),
    /** Part of the frame that was sent, px; null: all of it. */
    crop: z
      .strictObject({ x: z.int().min(0), y: z.int().min(0), width: z.int().positive(), height: z.int().positive() })
      .nullable(),
    /** Rectangles that were blacked out before anything left the plant. */
    masked: z.int().min(0),
  }),
  /** Of the region with the highest NG score: float32 little-endian in base64; null where no model judged. */
  embedding: z
    .string()
    .regex(/^[A-Za-z0-9+/]+=*$/)
    .max(65_536)
    .nullable(),
  line: z.string().max(128),
  product: z.string().max(128),
  metadata: CaseMetadata,
});
export type HardCaseUpload = z.infer<typeof HardCaseUpload>;

/** Answer to a case or an image: `known` was stored before. */
export const StoredReply = z.strictObject({ stored: z.enum(["new", "known"]) });
export type StoredReply = z.infer<typeof StoredReply>;

/** A hard case that a device chose and the hub will never get. */
export const LostCase = z.strictObject({
  id: z.uuid().describe("of its verdict, which the hub has all the same"),
  reasons: z.array(z.enum(HARD_CASE_REASONS)),
  /** `quota`: the device's disk quota was reached; `damaged`: its disk lost the image; `too-large`: no budget holds it. */
  cause: z.enum(["quota", "damaged", "too-large"]),
  bytes: z.int().min(0),
  /** Unix ms, when it was given up. */
  at: z.int().min(0),
});
export type LostCase = z.infer<typeof LostCase>;

/** Body of `POST /api/v1/verdicts`: rows of the ledger in order of recording. */
export const VerdictBatch = z
  .strictObject({
    schema: z.literal(1),
    verdicts: z.array(Verdict).min(1).max(1000),
    statistics: z
      .array(ImageStatistics.nullable())
      .max(1000)
      .optional()
      .describe("of each verdict's frame, in the order of the verdicts; null: none came, or none was measured"),
    /** Given up since the last batch the hub took; the same may come twice. */
    lost: z.array(LostCase).max(1000).optional(),
  })
  .refine(({ verdicts, statistics }) => statistics === undefined || statistics.length === verdicts.length, {
    path: ["statistics"],
    message: "as many as verdicts",
  });
export type VerdictBatch = z.infer<typeof VerdictBatch>;

/** The hub's acknowledgement: everything up to and including this verdict, without a gap, is on its disk. */
export const VerdictBatchReply = z.strictObject({
  stored: z.int().min(0),
  known: z.int().min(0),
  acknowledged: z.strictObject({ bootSeq: z.int().positive(), verdictSeq: z.int().positive() }).nullable(),
  refused: z.array(z.strictObject({ id: z.string(), message: z.string() })),
});
export type VerdictBatchReply = z.infer<typeof VerdictBatchReply>;

/** Body and answer of `POST /api/v1/enrol`. The credential is shown this once. */
export const EnrolRequest = z.strictObject({ code: z.string().min(8).max(64) });
export const EnrolReply = z.strictObject({
  device: z.string(),
  project: z.string(),
  line: z.string(),
  credential: z.string(),
});
export type EnrolReply = z.infer<typeof EnrolReply>;

/** What a work order asks devices to send, answered by `GET /api/v1/device/orders`. All conditions must hold. */
export const SamplingRule = z.strictObject({
  id: z.string(),
  title: z.string(),
  /** Share of the frames that fit, in (0, 1]. */
  rate: z.number().gt(0).max(1),
  /** Ends when the hub has this many. */
  wanted: z.int().positive(),
  /** Unix ms. */
  until: z.int().positive(),
  where: z.strictObject({
    verdicts: z.array(z.enum(["pass", "reject", "review", "fault"])).optional(),
    classes: z.array(z.string()).optional(),
    minScore: z.number().min(0).max(1).optional(),
    maxScore: z.number().min(0).max(1).optional(),
    metadata: z.record(z.string(), z.string()).optional(),
  }),
});
export type SamplingRule = z.infer<typeof SamplingRule>;

export const DeviceOrders = z.strictObject({
  schema: z.literal(1),
  rules: z.array(SamplingRule),
  limits: z.strictObject({ dailyCases: z.int().min(0), dailyBytes: z.int().min(0) }),
  labels: z.int().min(0).optional().describe("labelled cases of the project: with few, devices send typical frames"),
});
export type DeviceOrders = z.infer<typeof DeviceOrders>;

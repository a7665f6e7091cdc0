import { z } from "zod";
import { CaseMetadata } from "../../contracts/hub-case.ts";
import { HARD_CASE_REASONS } from "../../contracts/verdict.ts";
import { isTimeZone, TimeWindow } from "./local-time.ts";

const Reason = z.enum(HARD_CASE_REASONS);
const Px = z.int().min(0).max(65_535);
const PxRect = z.strictObject({ x: Px, y: Px, width: Px.min(1), height: Px.min(1) });
export type PxRect = z.infer<typeof PxRect>;

export const CaseImageOptions = z.strictObject({
  format: z
    .enum(["jpeg", "png"])
    .default("jpeg")
    .describe("png: every pixel as the camera gave it, 5 to 10 times as long"),
  quality: z.int().min(1).max(100).default(90).describe("of JPEG"),
  crop: PxRect.nullable().default(null).describe("the part of the frame that is sent; null: all of it"),
});
export type CaseImageOptions = z.infer<typeof CaseImageOptions>;

/** What must not leave the plant. Black before anything is written or sent; a frame it does not fit stays here. */
export const PrivacyOptions = z
  .strictObject({
    frame: z
      .strictObject({ width: Px.min(1), height: Px.min(1) })
      .describe("size of the frames the masks were drawn on; frames of another size are never sent"),
    masks: z.array(PxRect).min(1).max(64).describe("people, logos, screens: px in the frame"),
  })
  .refine(
    ({ frame, masks }) =>
      masks.every(({ x, y, width, height }) => x + width <= frame.width && y + height <= frame.height),
    "every mask must lie within the frame",
  );
export type PrivacyOptions = z.infer<typeof PrivacyOptions>;

/** The oldest of the last reason go first when space is short. A biased random sample is worth little: it goes late. */
const DEFAULT_PRIORITY = ["operator", "audit", "disagreement", "novel", "uncertain", "fault"] as const;

export const CaseOptions = z.strictObject({
  reasons: z
    .array(Reason)
    .default([...HARD_CASE_REASONS])
    .describe("which hard cases are kept for the hub at all"),
  auditShare: z.number().min(0).max(1).default(0.02).describe("of all frames, drawn at random: the unbiased sample"),
  auditSeed: z.int().min(0).default(1).describe("the same seed draws the same verdicts"),
  uncertainMargin: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe("a frame whose two likeliest classes are closer than this is uncertain, whatever its verdict"),
  novelBelow: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.005)
    .describe("a frame is novel when a smaller share of the model's reference frames lies further out; 0 turns it off"),
  nearDuplicate: z
    .number()
    .min(0)
    .default(0.5)
    .describe("a frame this close to one that was chosen shows the same: in standard deviations; 0 turns it off"),
  coldStartLabels: z
    .int()
    .min(0)
    .default(50)
    .describe("while the hub has fewer labels, typical frames go first; 0 turns it off"),
  perHour: z.int().min(1).nullable().default(250).describe("cases chosen in an hour, audit included; null: no limit"),
  perDay: z.int().min(1).nullable().default(2000).describe("cases chosen in a day; null: no limit"),
  priority: z
    .array(Reason)
    .min(1)
    .default([...DEFAULT_PRIORITY])
    .describe("what is sent first; the last goes first when space is short"),
  mostPerMinute: z
    .int()
    .min(1)
    .max(6000)
    .default(60)
    .describe("frames encoded for the hub; operators' and audit frames do not count. Spares the line's processor"),
  recentBytes: z
    .int()
    .min(0)
    .default(64_000_000)
    .describe("memory for frames of the last verdicts, so that a flagged part still has its picture"),
  image: CaseImageOptions.prefault({}),
  privacy: PrivacyOptions.nullable().default(null),
  spoolBytes: z
    .int()
    .min(4_000_000)
    .default(5_000_000_000)
    .describe("quota on disk; beyond it the oldest of the lowest priority go, and the hub is told which"),
  shifts: z.array(TimeWindow.extend({ name: z.string().min(1).max(64) })).default([]),
  metadata: CaseMetadata.default({}).describe("goes with every case: lighting, lens, station"),
});
export type CaseOptions = z.infer<typeof CaseOptions>;

export const BudgetOptions = z.strictObject({
  bytesPerSecond: z.int().min(256).nullable().default(null).describe("of everything sent to the hub; null: no limit"),
  dailyCases: z.int().min(0).nullable().default(2000).describe("null: no limit but the hub's"),
  dailyBytes: z.int().min(0).nullable().default(2_000_000_000).describe("of images; null: no limit but the hub's"),
  quietHours: z.array(TimeWindow).default([]).describe("no images are sent then; verdict rows are"),
});
export type BudgetOptions = z.infer<typeof BudgetOptions>;

export const TimeZone = z
  .string()
  .refine(isTimeZone, "no time zone this machine knows; write for example Europe/Berlin")
  .describe("of shifts, quiet hours and days; the machine's own when absent");

import { z } from "zod";
import { ProductName } from "../release/documents.ts";

const Share = z.number().min(0).max(1);
const Parts = z.int().min(1).max(10_000_000);

export const TrialOptions = z.strictObject({
  parts: Parts.default(500).describe("judged by the new model on the line before it is committed"),
  minutes: z.number().min(0).max(100_000).default(10).describe("of work without a restart before it is committed"),
  attempts: z
    .int()
    .min(1)
    .max(10)
    .default(3)
    .describe("loads of the new model that may end in a crash or power cut before it is given up"),
});
export type TrialOptions = z.infer<typeof TrialOptions>;

/** What a new model may do and still go on. Each is looked at after every part. */
export const ReleaseLimits = z.strictObject({
  disagreementShare: Share.default(0.05).describe("of the parts both models judged, those with different verdicts"),
  missedShare: Share.default(0.2).describe(
    "of the parts the old model rejected, those the new one may pass; more is proven at 99.9 % before it counts",
  ),
  falseAlarm: z
    .number()
    .min(1e-9)
    .max(0.2)
    .default(0.001)
    .describe("chance that a trial ends for a shift of the reject rate that is none"),
  latencyP99Ms: z
    .number()
    .positive()
    .optional()
    .describe("99th percentile from the image to the verdict; half the recipe's deadline when absent"),
  faults: z.int().min(0).max(1000).default(2).describe("parts the new model may leave without an answer"),
});
export type ReleaseLimits = z.infer<typeof ReleaseLimits>;

/** Where signed releases come from, and how a new model is tried. */
export const ReleasesConfig = z.strictObject({
  url: z
    .string()
    .regex(/^(https?:\/\/[^@\s?#]+|file:\/\/\/\S+)$/, "https://HOST/PATH, http:// or file:///PATH, without password")
    .describe("folder that holds catalogue/ and director/"),
  product: ProductName.describe("whose releases this device takes"),
  recipe: z.string().optional().describe("the recipe they are for; the first one when absent"),
  line: z.string().min(1).max(200).optional().describe("the line in orders; mqtt.root, then hub.line, when absent"),
  catalogueRoot: z.string().min(1).describe("1.root.json of the catalogue or a later one; relative to this file"),
  directorRoot: z.string().min(1).describe("1.root.json of the director or a later one; relative to this file"),
  pollSeconds: z.number().min(1).max(86_400).default(60).describe("between two looks for a new order"),
  shadow: z
    .strictObject({
      parts: Parts.default(500).describe("judged beside the active model before it may judge alone"),
      niceness: z.int().min(0).max(19).default(15).describe("how far its process steps back for the line's"),
    })
    .prefault({}),
  trial: TrialOptions.prefault({}),
  limits: ReleaseLimits.prefault({}),
});
export type ReleasesConfig = Readonly<z.infer<typeof ReleasesConfig>>;

import { z } from "zod";
import { BudgetOptions, CaseOptions, TimeZone } from "../pipeline/uplink/uplink-options.ts";

export const HubConfig = z.strictObject({
  url: z
    .string()
    .regex(/^https?:\/\/[^@\s?#]+$/, "https://HOST:PORT, without user and password: enrol the device instead")
    .optional()
    .describe("address of the hub; absent: it gets verdicts over the broker, and no images"),
  caFile: z.string().optional().describe("certificate authority of the plant, PEM; relative to this file"),
  acknowledges: z.boolean().default(true).describe("verdicts are kept until the hub has them"),
  line: z
    .string()
    .max(128)
    .optional()
    .describe("the line in cases; the one the hub enrolled this device for when absent"),
  timeZone: TimeZone.optional(),
  cases: CaseOptions.prefault({}).describe("which frames go to the hub, and what of them"),
  budget: BudgetOptions.prefault({}).describe("how much is sent, and when"),
});
export type HubConfig = Readonly<z.infer<typeof HubConfig>>;

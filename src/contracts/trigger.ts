import { z } from "zod";
import { CaseMetadata } from "./hub-case.ts";

const PartId = z.string().min(1).max(128);

/** Payload of `ROOT/DEVICE/trigger` and body of `POST /api/v1/trigger`. */
export const TriggerRequest = z.strictObject({
  schema: z.literal(1).default(1),
  /** The sender's id of this trigger: the same id again is the same trigger and gets the same verdict, not a second. */
  id: z.string().min(1).max(128).optional(),
  part: PartId.optional().describe("made by the device when absent"),
  readings: CaseMetadata.optional().describe("sensor readings of the part; they go to the hub with a hard case"),
  deadlineMs: z.int().min(1).max(600_000).optional().describe("from receipt; the recipe's own when absent"),
});
export type TriggerRequest = z.infer<typeof TriggerRequest>;

export const TRIGGER_SOURCES = ["free", "mqtt", "http", "upload"] as const;
export type TriggerSource = (typeof TRIGGER_SOURCES)[number];

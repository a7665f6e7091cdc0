import { z } from "zod";
import { TRIGGER_SOURCES } from "../../contracts/trigger.ts";

/** Rows as SQLite returns them: a file on a disk is a border too. */
export const MarksRow = z.object({
  last_row: z.int().nonnegative(),
  sent_row: z.int().nonnegative(),
  acknowledged_row: z.int().nonnegative(),
  triggers: z.int().nonnegative(),
  verdicts: z.int().nonnegative(),
});

export const LedgerTriggerRow = z.object({
  trigger_id: z.string(),
  request_id: z.string().nullable(),
  part: z.string(),
  source: z.enum(TRIGGER_SOURCES),
  received_at: z.string(),
});

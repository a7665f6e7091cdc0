import { z } from "zod";
import { HARD_CASE_REASONS, VERDICT_KINDS } from "../../contracts/verdict.ts";
import { OUTCOMES } from "../store/tables.ts";

/** Every value is a list to be walked: so many that no filter is slow. */
const MOST_VALUES = 100;
const Words = z.array(z.string().max(256)).max(MOST_VALUES).optional();

/** What a gallery shows; everything given must hold, within a list one of it. */
export const CaseFilter = z.strictObject({
  project: z.string(),
  devices: Words,
  lines: Words,
  reasons: z.array(z.enum(HARD_CASE_REASONS)).optional(),
  verdicts: z.array(z.enum(VERDICT_KINDS)).optional(),
  classes: Words,
  labels: Words,
  labelled: z.boolean().optional(),
  outcomes: z.array(z.enum(OUTCOMES)).optional(),
  /** Escape, overkill or wrong class. */
  errorsOnly: z.boolean().optional(),
  /** Ids of tags; a case has at least one of them. */
  tags: z.array(z.int()).max(MOST_VALUES).optional(),
  models: Words.describe("model versions"),
  metadata: z.record(z.string(), z.string()).optional(),
  /** Unix ms of capture, from (inclusive) to (exclusive). */
  from: z.int().optional(),
  to: z.int().optional(),
  part: z.string().optional(),
});
export type CaseFilter = z.infer<typeof CaseFilter>;

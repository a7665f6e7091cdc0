import { z } from "zod";
import { HARD_CASE_REASONS, Verdict, VERDICT_KINDS } from "../../contracts/verdict.ts";
import { OUTCOMES } from "../store/tables.ts";

export const LabelBoxBody = z.strictObject({
  x: z.number().min(0),
  y: z.number().min(0),
  width: z.number().positive(),
  height: z.number().positive(),
  class: z.string().max(64),
});

export const CaseSummaryBody = z.strictObject({
  row: z.int().describe("cursor of pages; rises in the order of arrival"),
  id: z.string(),
  project: z.string(),
  device: z.string(),
  line: z.string(),
  part: z.string(),
  capturedAt: z.int().describe("Unix ms"),
  receivedAt: z.int().describe("Unix ms"),
  imageSha256: z.string(),
  verdict: z.enum(VERDICT_KINDS),
  class: z.string().nullable(),
  ngScore: z.number().nullable(),
  model: z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() }),
  reasons: z.array(z.enum(HARD_CASE_REASONS)),
  label: z.string().nullable(),
  labelDefect: z.boolean().nullable(),
  outcome: z.enum(OUTCOMES).nullable(),
  tagIds: z.array(z.int()),
  labelSuspicion: z.number().nullable().describe("0 to 1"),
});

export const CaseDetailBody = CaseSummaryBody.extend({
  report: Verdict,
  selectionProbability: z.number().nullable(),
  crop: z.strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }).nullable(),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  labels: z.array(
    z.strictObject({
      label: z.string(),
      by: z.string(),
      at: z.int(),
      blind: z.boolean(),
      boxes: z.array(LabelBoxBody),
      undoneAt: z.int().nullable(),
    }),
  ),
  tags: z.array(z.strictObject({ id: z.int(), by: z.string(), at: z.int() })),
});

/**
 * A case for whoever gives a second label: the picture and where it is from, and nothing that the model or an earlier
 * person said of it. Tags and the reasons of the case are left out, too: they tell what others saw.
 */
export const BlindCaseBody = z.strictObject({
  ...CaseDetailBody.pick({ row: true, id: true, project: true, part: true, capturedAt: true }).shape,
  ...CaseDetailBody.pick({ imageSha256: true, crop: true }).shape,
});

export const LabelRequest = z.strictObject({
  label: z.string().min(1).max(64).describe("a class of the project"),
  blind: z.boolean().default(false).describe("given without seeing the model's answer or other labels"),
  boxes: z.array(LabelBoxBody).max(200).default([]).describe("px of the image"),
});

export const LabelReply = z.strictObject({
  caseId: z.string(),
  label: z.string().nullable().describe("the label that counts now"),
  labelDefect: z.boolean().nullable(),
  outcome: z.enum(OUTCOMES).nullable(),
});

/** What counts after a blind label is the first label, so the answer to one does not say it. */
export const BlindLabelReply = LabelReply.pick({ caseId: true }).strict();

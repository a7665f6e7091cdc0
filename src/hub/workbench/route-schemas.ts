import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import { CaseFilter } from "../cases/case-filter.ts";

/** Of every route that a person needs to be signed in for. */
export const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody } as const;

/** `?filter=` carries the filter as JSON. */
export const FilterText = z
  .string()
  .max(20_000)
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "not JSON; send a case filter as JSON, URL-encoded" });
      return z.NEVER;
    }
  })
  .pipe(CaseFilter)
  .describe("a case filter as JSON");

export const CasePath = z.strictObject({ id: z.uuid() });
export const ProjectQuery = z.strictObject({ project: z.string().min(1).max(64) });
export const Done = z.strictObject({ ok: z.literal(true) });

/** Documented by example in the workbench's tests; typed where it is built. */
export const documented = (description: string): z.ZodType => z.looseObject({}).describe(description);

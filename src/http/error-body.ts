import { z } from "zod";

/** Every error of an HTTP interface: `code` for programs, `message` a sentence for people. */
export const ErrorBody = z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string() }) });
export type ErrorBody = z.infer<typeof ErrorBody>;

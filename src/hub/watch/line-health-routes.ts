import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import type { Api } from "../../http/zod-provider.ts";
import { requirePerson } from "../people/require-person.ts";
import type { Database } from "../store/database.ts";
import { healthOfLines, type LineHealth } from "./line-health.ts";

const Time = z.number().describe("Unix ms");
const IntervalBody = z.strictObject({ low: z.number(), high: z.number() }).describe("95 %");
const Expected = z.strictObject({
  share: z.number(),
  interval: IntervalBody,
  trials: z.number().describe("parts it is expected to be of"),
});
const Counted = z.strictObject({ hits: z.int(), trials: z.int(), share: z.number(), interval: IntervalBody });
const Reckoned = z.strictObject({ expected: z.number(), counted: z.int(), agrees: z.boolean() });
const estimate = {
  parts: z.int(),
  escapes: Expected.describe("of the defective parts, passed"),
  overkill: Expected.describe("of the good parts, rejected"),
};
const Reply = z.strictObject({
  lines: z.array(
    z.strictObject({
      device: z.string(),
      line: z.string(),
      model: z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() }).nullable(),
      labelFree: z
        .strictObject({ ...estimate, from: Time, to: Time })
        .nullable()
        .describe("what calibrated scores expect of the newest 1,000 parts, without a label"),
      audited: z
        .strictObject({
          ...{ parts: z.int(), from: Time, escapes: Counted, overkill: Counted },
          reckoned: z
            .strictObject({ escapes: Reckoned, overkill: Reckoned })
            .describe("what the scores of the same parts expected, and what was counted"),
          scoresAgree: z.boolean(),
        })
        .nullable()
        .describe("labelled parts of the random audit that the present model judged"),
      sentence: z.string(),
      features: z
        .array(
          z.strictObject({
            feature: z.string(),
            kind: z.enum(["number", "share"]),
            before: z
              .number()
              .describe(
                "median, or share, of the first 1,000 parts of the model on this line; of its first half where it judged fewer than 2,000",
              ),
            now: z.number().describe("of as many of the newest"),
            effect: z.number().describe("Kolmogorov-Smirnov distance, or difference of the shares"),
            adjustedP: z.number().describe("Benjamini-Hochberg over all lines and features"),
            changed: z.boolean(),
          }),
        )
        .describe("greatest changes first"),
    }),
  ),
});

/** How each line does: expected and counted errors, and what about it has changed. */
export function installLineHealthRoutes(api: Api, { database }: { readonly database: Database }): void {
  // Whoever asks meanwhile gets the same answer: it reads thousands of verdicts.
  const running = new Map<string, Promise<LineHealth[]>>();
  const healthOf = (project: string): Promise<LineHealth[]> => {
    const known = running.get(project);
    if (known !== undefined) return known;
    const made = healthOfLines(database, project).finally(() => running.delete(project));
    running.set(project, made);
    return made;
  };
  api.get(
    "/api/v1/line-health",
    {
      schema: {
        summary: "Each line's error rates as its scores expect them and as the audit counted them, and what changed",
        tags: ["releases"],
        querystring: z.strictObject({ project: z.string().min(1).max(64) }),
        response: { 200: Reply, 400: ErrorBody, 401: ErrorBody, 403: ErrorBody },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return { lines: await healthOf(request.query.project) };
    },
  );
}

import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import { requirePerson } from "../people/require-person.ts";
import { shareOf } from "../../statistics/shares.ts";
import { labellersOf, loopFacts, type LoopParts, type LoopStretch, loopStretches } from "./loop-facts.ts";
import { LOOP_STATIONS, loopSteps } from "./loop-steps.ts";

const Time = z.int().nullable().describe("Unix ms");
const ShareBody = z.strictObject({
  share: z.number(),
  interval: z.strictObject({ low: z.number(), high: z.number() }).describe("95 %, Wilson"),
  hits: z.int(),
  trials: z.int(),
});
const LoopReply = z.strictObject({
  steps: z.array(
    z.strictObject({
      station: z.enum(LOOP_STATIONS),
      state: z.enum(["done", "now", "waiting"]),
      at: Time,
      sentence: z.string(),
    }),
  ),
  stretches: z
    .array(
      z.strictObject({
        modelVersion: z.string(),
        from: Time,
        to: Time,
        escapes: ShareBody.describe("of the defective parts"),
        overkill: ShareBody.describe("of the good parts"),
      }),
    )
    .describe("labelled parts of the random audit by model, cut at the first drift alarm of the present or last turn"),
  labelledBy: z.array(z.string()).describe("who labels, the busiest first"),
});

/** Where the loop of a project stands, from the hub's own records. */
export function installLoopRoutes(api: Api, parts: LoopParts): void {
  const { database } = parts;
  api.get(
    "/api/v1/loop",
    {
      schema: {
        summary:
          "Where the loop stands: watch, ask, label, errors, retrain, gates, release; and what became of the errors",
        tags: ["releases"],
        querystring: z.strictObject({ project: z.string().min(1).max(64) }),
        response: { 200: LoopReply, 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { project } = request.query;
      const known = await database.query
        .selectFrom("projects")
        .select("id")
        .where("id", "=", project)
        .executeTakeFirst();
      if (known === undefined) throw new HttpRefusal(404, "UNKNOWN_PROJECT", `There is no project ${project}.`);
      const facts = await loopFacts(parts, project);
      const [stretches, labelledBy] = await Promise.all([
        loopStretches(database, project, facts.turnBeganAt),
        labellersOf(database, project),
      ]);
      return { steps: loopSteps(facts), stretches: stretches.map(shown), labelledBy };
    },
  );
}

const shown = ({ modelVersion, from, to, defectiveParts, escapes, goodParts, overkills }: LoopStretch) => ({
  ...{ modelVersion, from, to },
  escapes: shareOf(escapes, defectiveParts),
  overkill: shareOf(overkills, goodParts),
});

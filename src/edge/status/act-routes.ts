import type { FastifyReply, FastifyRequest } from "fastify";
import { CommandReply, FlagRequest, OverrideRequest } from "../../contracts/command.ts";
import { TriggerRequest } from "../../contracts/trigger.ts";
import { Verdict } from "../../contracts/verdict.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { installDriftActRoutes } from "./drift-routes.ts";
import { ImageBytes, InspectQuery, RecipeRequest, VerdictPath } from "./api-schemas.ts";
import type { DeviceView } from "./device-view.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";

export interface UploadLimits {
  readonly uploadLimitBytes: number;
  /** Bounds the memory that uploads can take: so many bodies of `uploadLimitBytes` at once. */
  readonly maxConcurrentUploads: number;
}

const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody } as const;

/** A command the device understood and declined is a conflict, with the device's own sentence. */
function answered(reply: CommandReply): CommandReply {
  if (!reply.ok) throw new HttpRefusal(409, "REFUSED", reply.message);
  return reply;
}

/** The first file of a form, as `curl -F image=@part.jpg` sends it. */
async function firstFileOf(form: Uint8Array<ArrayBuffer>, contentType: string): Promise<Uint8Array> {
  const fields = await new Response(form, { headers: { "content-type": contentType } })
    .formData()
    .catch(() => undefined);
  for (const value of fields?.values() ?? []) {
    if (typeof value !== "string") return new Uint8Array(await value.arrayBuffer());
  }
  throw new HttpRefusal(400, "BAD_REQUEST", "The form holds no file; send the image as one file field or as the body.");
}

function acceptImages(api: Api): void {
  const asBuffer = { parseAs: "buffer" } as const;
  api.addContentTypeParser(
    /^(image\/[\w.+-]+|application\/octet-stream)/,
    asBuffer,
    async (_request: FastifyRequest, body: Buffer) => body,
  );
  api.addContentTypeParser("multipart/form-data", asBuffer, async (request: FastifyRequest, body: Buffer) =>
    firstFileOf(new Uint8Array(body), request.headers["content-type"] ?? ""),
  );
}

/** Refuses before the body is read when too many are being received. */
function uploadGate(limits: UploadLimits): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  let uploads = 0;
  return async (_request, reply) => {
    if (uploads >= limits.maxConcurrentUploads) {
      reply.header("retry-after", "1");
      throw new HttpRefusal(
        503,
        "BUSY",
        "Too many images are being inspected at once; send this one again in a second.",
      );
    }
    uploads++;
    reply.raw.once("close", () => uploads--);
  };
}

function inspectRoute(api: Api, device: DeviceView, limits: UploadLimits): void {
  // Its own scope: images are accepted here and nowhere else.
  api.register(async (scope: Api) => {
    acceptImages(scope);
    scope.post(
      "/api/v1/inspect",
      {
        bodyLimit: limits.uploadLimitBytes,
        onRequest: uploadGate(limits),
        schema: {
          summary: "Judge an image with the active recipe",
          description:
            "The image is the body or the file of a form. A trigger like any other: ledger and MQTT have its verdict. " +
            "An image that cannot be judged is answered with 200 and a `fault` verdict that says why.",
          tags: ["inspect"],
          consumes: ["image/jpeg", "image/png", "application/octet-stream"],
          querystring: InspectQuery,
          body: ImageBytes,
          response: { 200: Verdict, ...refusals, 413: ErrorBody, 415: ErrorBody, 503: ErrorBody },
        },
      },
      async (request) => {
        if (request.body.byteLength === 0)
          throw new HttpRefusal(400, "BAD_REQUEST", "The body is empty; send an image.");
        return device.inspectImage(request.body, request.query.part);
      },
    );
  });
}

function verdictRoutes(api: Api, device: DeviceView): void {
  api.post(
    "/api/v1/verdicts/:id/flag",
    {
      schema: {
        summary: "Ask the central team to look at this part",
        tags: ["verdicts"],
        params: VerdictPath,
        body: FlagRequest,
        response: { 200: CommandReply, ...refusals, 404: ErrorBody, 409: ErrorBody },
      },
    },
    async (request) => answered(await device.flag(request.params.id, request.body.note, request.body.by)),
  );

  api.post(
    "/api/v1/verdicts/:id/override",
    {
      schema: {
        summary: "Overrule a verdict, with a reason, for the audit trail",
        tags: ["verdicts"],
        params: VerdictPath,
        body: OverrideRequest,
        response: { 200: CommandReply, ...refusals, 404: ErrorBody, 409: ErrorBody },
      },
    },
    async (request) => {
      const { verdict, reason, by } = request.body;
      return answered(await device.override(request.params.id, verdict, reason, by));
    },
  );
}

/** Everything that changes something: the request guard stands before all of these. */
export function installActRoutes(api: Api, device: DeviceView, limits: UploadLimits): void {
  api.post(
    "/api/v1/trigger",
    {
      schema: {
        summary: "A part is in view: answers with its verdict",
        tags: ["inspect"],
        body: TriggerRequest.nullable(),
        response: { 200: Verdict, ...refusals },
      },
    },
    async (request) => device.trigger(request.body ?? TriggerRequest.parse({})),
  );

  inspectRoute(api, device, limits);
  verdictRoutes(api, device);
  installDriftActRoutes(api, device);

  api.post(
    "/api/v1/recipe",
    {
      schema: {
        summary: "Switch the recipe between two frames",
        tags: ["recipe"],
        body: RecipeRequest,
        response: { 200: CommandReply, ...refusals, 404: ErrorBody, 409: ErrorBody },
      },
    },
    async (request) => answered(await device.switchRecipe(request.body.recipe, request.body.by)),
  );
}

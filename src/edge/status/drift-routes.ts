import { CommandReply } from "../../contracts/command.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import { DriftStatus } from "../watch/drift-status.ts";
import { DriftActRequest, DriftPicturePath } from "./api-schemas.ts";
import type { DeviceView } from "./device-view.ts";

const JPEG_RESPONSE = {
  description: "a small picture",
  content: { "image/jpeg": { schema: { type: "string", format: "binary" } } },
};
const REFUSALS = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 409: ErrorBody } as const;

/** What the device finds changed at its line, with pictures. */
export function installDriftReadRoutes(api: Api, device: DeviceView): void {
  api.get(
    "/api/v1/drift",
    { schema: { summary: "What has changed at this line", tags: ["drift"], response: { 200: DriftStatus } } },
    async () => device.status().drift,
  );

  api.get(
    "/api/v1/drift/pictures/:sheet/:index",
    {
      schema: {
        summary: "A picture of a sample sheet: of the frames learnt from, or since the change began",
        tags: ["drift"],
        params: DriftPicturePath,
        response: { 200: JPEG_RESPONSE, 404: ErrorBody },
      },
    },
    async (request, reply) => {
      const { sheet, index } = request.params;
      const jpeg = device.driftPicture(sheet, index);
      if (jpeg === undefined) throw new HttpRefusal(404, "NO_PICTURE", "This sample sheet has no such picture.");
      return reply.type("image/jpeg").send(Buffer.from(jpeg));
    },
  );
}

/** What an engineer does about it: the request guard stands before these. */
export function installDriftActRoutes(api: Api, device: DeviceView): void {
  api.post(
    "/api/v1/drift/acknowledge",
    {
      schema: {
        summary: "An engineer has looked after the drift alarms: the certificate holds again",
        tags: ["drift"],
        body: DriftActRequest,
        response: { 200: CommandReply, ...REFUSALS },
      },
    },
    async (request) => answered(await device.acknowledgeDrift(request.body.by, request.body.note)),
  );

  api.post(
    "/api/v1/drift/relearn",
    {
      schema: {
        summary: "The line has changed on purpose: what is usual is learnt anew",
        tags: ["drift"],
        body: DriftActRequest,
        response: { 200: CommandReply, ...REFUSALS },
      },
    },
    async (request) => answered(await device.relearnDrift(request.body.by, request.body.note)),
  );
}

function answered(reply: CommandReply): CommandReply {
  if (!reply.ok) throw new HttpRefusal(409, "REFUSED", reply.message);
  return reply;
}

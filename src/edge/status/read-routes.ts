import { FrameBody, FrameQuery, Liveness, Readiness, StatusBody, VerdictList, VerdictQuery } from "./api-schemas.ts";
import type { DeviceView } from "./device-view.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import { installDriftReadRoutes } from "./drift-routes.ts";
import type { EventStream } from "./event-stream.ts";
import { FrameCache, type EncodedFrame } from "./frame-cache.ts";
import { securityHeaders } from "../../http/security-headers.ts";
import type { Api } from "../../http/zod-provider.ts";

const JPEG_RESPONSE = {
  description: "the frame",
  content: { "image/jpeg": { schema: { type: "string", format: "binary" } } },
};
const TEXT_RESPONSE = {
  description: "Prometheus text format",
  content: { "text/plain": { schema: { type: "string" } } },
};
const EVENTS_RESPONSE = {
  description: "events `verdict` ({skipped, verdict}; at most 20 a second, the newest kept) and `status` (each second)",
  content: { "text/event-stream": { schema: { type: "string" } } },
};

function healthRoutes(api: Api, device: DeviceView): void {
  api.get(
    "/healthz",
    {
      schema: { summary: "The process lives", tags: ["health"], response: { 200: Liveness } },
    },
    async () => ({ ok: true }),
  );

  api.get(
    "/readyz",
    {
      schema: {
        summary: "Every trigger is judged",
        tags: ["health"],
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      const ready = device.ready();
      const { state, problems } = device.status();
      return reply.code(ready ? 200 : 503).send({ ready, state, reasons: ready ? [] : problems });
    },
  );

  api.get(
    "/metrics",
    {
      schema: { summary: "Metrics", tags: ["health"], response: { 200: TEXT_RESPONSE } },
    },
    async (_request, reply) => reply.type("text/plain; version=0.0.4; charset=utf-8").send(await device.metrics()),
  );
}

function newestFrame(frames: FrameCache): EncodedFrame {
  const frame = frames.latest();
  if (frame === undefined)
    throw new HttpRefusal(404, "NO_FRAME", "No part has been inspected yet, so there is no frame.");
  return frame;
}

function frameById(frames: FrameCache, id: string): EncodedFrame {
  const frame = frames.byId(id) ?? (frames.latest()?.id === id ? frames.latest() : undefined);
  if (frame !== undefined) return frame;
  throw new HttpRefusal(404, "FRAME_GONE", "The frame of this verdict is no longer kept; only the newest ones are.");
}

function frameRoutes(api: Api, device: DeviceView): void {
  const frames = new FrameCache(device);

  api.get(
    "/api/v1/frames/latest.json",
    {
      schema: {
        summary: "What was found in the newest frame, and where its picture is",
        tags: ["frames"],
        response: { 200: FrameBody, 404: ErrorBody },
      },
    },
    async () => newestFrame(frames).body,
  );

  api.get(
    "/api/v1/frames/latest.jpg",
    {
      schema: {
        summary: "The newest frame, or the one of `id`",
        tags: ["frames"],
        querystring: FrameQuery,
        response: { 200: JPEG_RESPONSE, 404: ErrorBody },
      },
    },
    async (request, reply) => {
      const { id } = request.query;
      const frame = id === undefined ? newestFrame(frames) : frameById(frames, id);
      const jpeg = await frame.jpeg;
      return reply.type("image/jpeg").header("x-verdict-id", frame.id).send(Buffer.from(jpeg));
    },
  );
}

function eventRoute(api: Api, events: EventStream): void {
  api.get(
    "/api/v1/events",
    {
      exposeHeadRoute: false,
      schema: {
        summary: "Verdicts and status as they come (server-sent events)",
        tags: ["status"],
        response: { 200: EVENTS_RESPONSE, 503: ErrorBody },
      },
    },
    async (request, reply) => {
      if (events.isFull()) throw new HttpRefusal(503, "BUSY", "Too many screens are connected to this device.");
      reply.hijack();
      events.add(reply.raw, securityHeaders(request.url));
    },
  );
}

/** Everything that only looks. */
export function installReadRoutes(api: Api, device: DeviceView, events: EventStream): void {
  healthRoutes(api, device);

  api.get(
    "/api/v1/status",
    {
      schema: { summary: "State of the device", tags: ["status"], response: { 200: StatusBody } },
    },
    async () => device.status(),
  );

  api.get(
    "/api/v1/verdicts",
    {
      schema: {
        summary: "The newest verdicts",
        tags: ["status"],
        querystring: VerdictQuery,
        response: { 200: VerdictList, 400: ErrorBody },
      },
    },
    async (request) => ({ verdicts: await device.latestVerdicts(request.query.limit) }),
  );

  eventRoute(api, events);
  frameRoutes(api, device);
  installDriftReadRoutes(api, device);
}

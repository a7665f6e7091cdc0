import { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import {
  DeviceOrders,
  EnrolReply,
  EnrolRequest,
  HardCaseUpload,
  Sha256,
  StoredReply,
  VerdictBatch,
  VerdictBatchReply,
} from "../../contracts/hub-case.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../store/database.ts";
import type { CaseIntake } from "./case-intake.ts";
import { isMediaType } from "./check-image.ts";
import { ordersFor } from "./device-orders.ts";
import { type DeviceLimits, enrolDevice } from "./enrol-device.ts";
import type { ImageIntake } from "./image-intake.ts";
import { installDeviceGuard, requireDevice } from "./require-device.ts";
import { keepVerdicts } from "./verdict-intake.ts";

/** Who wants to hear what arrived, for the metrics. */
export interface IntakeWatch {
  caseArrived(stored: "new" | "known"): void;
  imageArrived(stored: "new" | "known", bytes: number): void;
  verdictsArrived(count: number): void;
}

export interface IntakeRouteParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly images: ImageIntake;
  readonly cases: CaseIntake;
  /** Of a device that enrols for the first time. */
  readonly firstLimits: DeviceLimits;
  /** Enrolments that one address may try in a minute. */
  readonly enrolmentsPerMinute: number;
  readonly watch: IntakeWatch;
}

const CASE_BYTES = 512 * 1024;
const BATCH_BYTES = 16 * 1024 * 1024;
const tags = ["devices"];
const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody } as const;
const ImagePath = z.strictObject({ sha256: Sha256 });
const CasePath = z.strictObject({ id: z.uuid() });

function installEnrolment(api: Api, { database, clock, firstLimits, enrolmentsPerMinute }: IntakeRouteParts): void {
  api.post(
    "/api/v1/enrol",
    {
      config: { rateLimit: { max: enrolmentsPerMinute, timeWindow: 60_000 } },
      schema: {
        summary: "A device's own credential for a one-time code",
        tags,
        body: EnrolRequest,
        response: { 200: EnrolReply, 400: ErrorBody, 403: ErrorBody, 429: ErrorBody },
      },
    },
    async (request) => {
      const reply = await enrolDevice(database, request.body.code, { at: clock.wallNow(), limits: firstLimits });
      if (reply !== null) return reply;
      const sentence = "This enrolment code is not known, was used already or is over; an engineer makes a new one.";
      throw new HttpRefusal(403, "CODE_REFUSED", sentence);
    },
  );
}

const mediaTypeOf = (request: FastifyRequest): string =>
  (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";

/** Before the body is read. */
async function requireImageType(request: FastifyRequest): Promise<void> {
  if (isMediaType(mediaTypeOf(request))) return;
  throw new HttpRefusal(415, "UNSUPPORTED_MEDIA_TYPE", "Images are image/jpeg or image/png; say so in content-type.", {
    connection: "close",
  });
}

function announcedBytesOf(request: FastifyRequest): number | undefined {
  const length = request.headers["content-length"];
  return length === undefined ? undefined : Number(length);
}

function installImageRoutes(api: Api, { images, watch }: IntakeRouteParts): void {
  api.head(
    "/api/v1/images/:sha256",
    { schema: { summary: "200: this device has sent it already; 404: it has not", tags, params: ImagePath } },
    async (request, reply) => {
      const has = await images.has(requireDevice(request), request.params.sha256);
      return reply.code(has ? 200 : 404).send();
    },
  );

  // Its own scope: only here is a body a stream, and only of an image.
  api.register(async (scope: Api) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(["image/jpeg", "image/png"], (_request, body, done) => done(null, body));
    scope.put(
      "/api/v1/images/:sha256",
      {
        onRequest: requireImageType,
        schema: {
          summary: "An image, named by the SHA-256 of its bytes",
          tags,
          consumes: ["image/jpeg", "image/png"],
          params: ImagePath,
          response: {
            ...{ 200: StoredReply, ...refusals },
            ...{ 413: ErrorBody, 415: ErrorBody, 422: ErrorBody, 429: ErrorBody },
          },
        },
      },
      async (request) => {
        const { body } = request;
        if (!(body instanceof Readable)) throw new HttpRefusal(400, "BAD_REQUEST", "The body is empty; send an image.");
        const mediaType = mediaTypeOf(request);
        if (!isMediaType(mediaType))
          throw new HttpRefusal(415, "UNSUPPORTED_MEDIA_TYPE", "Send image/jpeg or image/png.");
        const announcedBytes = announcedBytesOf(request);
        const { sha256 } = request.params;
        const device = requireDevice(request);
        const stored = await images.receive({ device, sha256, mediaType, announcedBytes, body });
        watch.imageArrived(stored, announcedBytes ?? 0);
        return { stored };
      },
    );
  });
}

function installCaseRoutes(api: Api, { database, clock, cases, watch }: IntakeRouteParts): void {
  api.put(
    "/api/v1/cases/:id",
    {
      bodyLimit: CASE_BYTES,
      schema: {
        summary: "A hard case; its image is sent before it",
        tags,
        params: CasePath,
        body: HardCaseUpload,
        response: { 200: StoredReply, ...refusals, 409: ErrorBody, 413: ErrorBody, 422: ErrorBody, 429: ErrorBody },
      },
    },
    async (request) => {
      const device = requireDevice(request);
      if (request.body.verdict.id !== request.params.id) {
        throw new HttpRefusal(400, "BAD_REQUEST", "The id in the address is not the id of the verdict in the body.");
      }
      const stored = await cases.receive(device, request.body);
      watch.caseArrived(stored);
      return { stored };
    },
  );

  api.post(
    "/api/v1/verdicts",
    {
      bodyLimit: BATCH_BYTES,
      schema: {
        summary: "Rows of the device's ledger, in order; the answer acknowledges",
        tags,
        body: VerdictBatch,
        response: { 200: VerdictBatchReply, ...refusals, 413: ErrorBody },
      },
    },
    async (request) => {
      const { id: device } = requireDevice(request);
      const { verdicts, statistics, lost = [] } = request.body;
      const reply = await keepVerdicts(database, { device, verdicts, statistics, lost, receivedAt: clock.wallNow() });
      watch.verdictsArrived(reply.stored);
      return reply;
    },
  );

  api.get(
    "/api/v1/device/orders",
    {
      schema: { summary: "What the hub asks this device to send", tags, response: { 200: DeviceOrders, ...refusals } },
    },
    async (request) => ordersFor(database, requireDevice(request), clock.wallNow()),
  );
}

/** What devices talk to. Everything but enrolment needs a device's credential. */
export function installIntakeRoutes(api: Api, parts: IntakeRouteParts): void {
  installEnrolment(api, parts);
  api.register(async (scope: Api) => {
    installDeviceGuard(scope, parts);
    installImageRoutes(scope, parts);
    installCaseRoutes(scope, parts);
  });
}

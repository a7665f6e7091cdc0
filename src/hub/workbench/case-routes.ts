import { buffer } from "node:stream/consumers";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import { caseById, countCases, findCases, randomErrors } from "../cases/find-cases.ts";
import type { CaseDetail } from "../cases/case-row.ts";
import { labelCase, undoLabel } from "../cases/label-cases.ts";
import { similarCases } from "../cases/similar-cases.ts";
import { requirePerson } from "../people/require-person.ts";
import { filterChoices, FilterChoicesBody } from "./filter-choices.ts";
import { clearSuspicion } from "./label-suspicion.ts";
import { requireProject } from "./project-record.ts";
import {
  BlindCaseBody,
  BlindLabelReply,
  CaseDetailBody,
  CaseSummaryBody,
  LabelReply,
  LabelRequest,
} from "./case-schemas.ts";
import { CasePath, FilterText, ProjectQuery, refusals } from "./route-schemas.ts";
import { requireSecond, secondLabelQueue } from "./second-labels.ts";
import { Thumbnails } from "./thumbnails.ts";
import type { WorkbenchParts } from "./workbench-parts.ts";

const tags = ["cases"];
const MOST_CASES = 500;
const THUMBNAIL_BYTES = 128 * 1024 * 1024;
/** An image never changes: its address is of a case, and a case's image is named by its hash. */
const FOR_EVER = "private, max-age=31536000, immutable";

const CaseQuery = z.strictObject({
  filter: FilterText,
  limit: z.coerce.number().int().min(1).max(MOST_CASES).default(100),
  beforeRow: z.coerce.number().int().optional().describe("nextBeforeRow of the page before"),
  order: z.enum(["newest", "oldest", "suspicion"]).default("newest"),
});
const CountQuery = z.strictObject({
  filter: FilterText,
  atMost: z.coerce.number().int().min(1).max(100_000).default(10_000),
});
const SampleQuery = z.strictObject({
  filter: FilterText,
  n: z.coerce.number().int().min(1).max(1000).default(100),
  seed: z.coerce.number().int().min(0).max(0xffffffff).default(1),
});
const SecondQuery = ProjectQuery.extend({ n: z.coerce.number().int().min(1).max(1000).default(40) });
const SimilarQuery = z.strictObject({ n: z.coerce.number().int().min(1).max(100).default(12) });
const BlindQuery = z.strictObject({
  blind: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true")
    .describe("true for a second label: the answer has nothing that the model or an earlier person said"),
});
const ImageQuery = z.strictObject({ thumbnail: z.enum(["0", "1"]).default("0") });

const CaseList = z.strictObject({ cases: z.array(CaseSummaryBody), nextBeforeRow: z.int().nullable() });
const Cases = z.strictObject({ cases: z.array(CaseSummaryBody) });

/** Throws 404 where there is no such case. */
async function requireCase({ database }: WorkbenchParts, id: string): Promise<CaseDetail> {
  const found = await caseById(database, id);
  if (found === null) throw new HttpRefusal(404, "UNKNOWN_CASE", `There is no case ${id}; it may have been deleted.`);
  return found;
}

const blinded = ({ row, id, project, part, capturedAt, imageSha256, crop }: CaseDetail) => ({
  ...{ row, id, project, part, capturedAt, imageSha256, crop },
});

/** Galleries, single cases and their images. */
export function installCaseRoutes(api: Api, parts: WorkbenchParts): void {
  installListRoutes(api, parts);
  installSingleCaseRoutes(api, parts);
  installImageRoute(api, parts);
  installLabelRoutes(api, parts);
}

function installListRoutes(api: Api, { database }: WorkbenchParts): void {
  api.get(
    "/api/v1/cases",
    {
      schema: {
        summary: "Cases that a filter lets through, page by page",
        description: "A page may be short, even empty, and yet not the last: go on while nextBeforeRow is not null.",
        tags,
        querystring: CaseQuery,
        response: { 200: CaseList, ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { filter, limit, beforeRow, order } = request.query;
      return findCases(database, filter, { limit, order, ...(beforeRow === undefined ? {} : { beforeRow }) });
    },
  );

  api.get(
    "/api/v1/cases/count",
    {
      schema: {
        summary: "How many cases a filter lets through, counted up to a bound",
        tags,
        querystring: CountQuery,
        response: { 200: z.strictObject({ count: z.int(), exact: z.boolean() }), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return countCases(database, request.query.filter, { atMost: request.query.atMost });
    },
  );

  api.get(
    "/api/v1/cases/sample",
    {
      schema: {
        summary: "A random sample of errors to look at",
        tags,
        querystring: SampleQuery,
        response: { 200: Cases, ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { filter, n, seed } = request.query;
      return { cases: await randomErrors(database, filter, n, seed) };
    },
  );

  api.get(
    "/api/v1/cases/facets",
    {
      schema: {
        summary: "What the cases of a project can be filtered by",
        tags,
        querystring: ProjectQuery,
        response: { 200: FilterChoicesBody, ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return filterChoices(database, request.query.project);
    },
  );
}

function installSingleCaseRoutes(api: Api, parts: WorkbenchParts): void {
  const { similar } = parts;
  api.get(
    "/api/v1/cases/:id",
    {
      schema: {
        summary: "A case with all that is known of it",
        tags,
        params: CasePath,
        querystring: BlindQuery,
        response: { 200: z.strictObject({ case: z.union([CaseDetailBody, BlindCaseBody]) }), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const found = await requireCase(parts, request.params.id);
      return { case: request.query.blind ? blinded(found) : found };
    },
  );

  api.get(
    "/api/v1/cases/:id/similar",
    {
      schema: {
        summary: "Cases that look alike, by their embeddings",
        tags,
        params: CasePath,
        querystring: SimilarQuery,
        response: {
          200: z.strictObject({ cases: z.array(CaseSummaryBody.extend({ similarity: z.number() })) }),
          ...refusals,
        },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      await requireCase(parts, request.params.id);
      const found = await similarCases(similar, request.params.id, request.query.n);
      return { cases: found.map(({ case: each, similarity }) => ({ ...each, similarity })) };
    },
  );
}

function installImageRoute(api: Api, parts: WorkbenchParts): void {
  const thumbnails = new Thumbnails(THUMBNAIL_BYTES);
  api.get(
    "/api/v1/cases/:id/image",
    {
      schema: {
        summary: "The image of a case, as it was sent, or a thumbnail of it",
        tags,
        params: CasePath,
        querystring: ImageQuery,
        response: { 304: z.null(), ...refusals },
      },
    },
    async (request, reply) => {
      requirePerson(request, "viewer");
      const found = await parts.database.query
        .selectFrom("cases")
        .leftJoin("images", "images.sha256", "cases.image_sha256")
        .select(["cases.image_sha256 as sha256", "images.media_type as mediaType"])
        .where("cases.id", "=", request.params.id)
        .executeTakeFirst();
      if (found === undefined) throw new HttpRefusal(404, "UNKNOWN_CASE", `There is no case ${request.params.id}.`);
      const etag = `"${found.sha256}${request.query.thumbnail === "1" ? "-thumbnail" : ""}"`;
      reply.header("etag", etag).header("cache-control", FOR_EVER);
      if (request.headers["if-none-match"] === etag) return reply.code(304).send();
      if (request.query.thumbnail === "1") return sendThumbnail(reply, parts, thumbnails, found.sha256);
      return reply
        .type(found.mediaType ?? "application/octet-stream")
        .send(await openImage(reply, parts, found.sha256));
    },
  );
}

async function openImage(reply: FastifyReply, { images }: WorkbenchParts, sha256: string) {
  const stream = await images.get(sha256);
  if (stream !== null) return stream;
  reply.header("cache-control", "no-store");
  throw new HttpRefusal(
    404,
    "IMAGE_GONE",
    "The image of this case is not in the store; the hub's log says since when.",
  );
}

async function sendThumbnail(reply: FastifyReply, parts: WorkbenchParts, thumbnails: Thumbnails, sha256: string) {
  const read = async (): Promise<Uint8Array> => buffer(await openImage(reply, parts, sha256));
  return reply.type("image/jpeg").send(Buffer.from(await thumbnails.of(sha256, read)));
}

function installLabelRoutes(api: Api, parts: WorkbenchParts): void {
  const { database, clock } = parts;
  api.post(
    "/api/v1/cases/:id/labels",
    {
      schema: {
        summary: "Label a case",
        description: "A blind label is a second person's: whoever gave the first is refused, and the answer hides it.",
        tags,
        params: CasePath,
        body: LabelRequest,
        response: { 200: z.union([LabelReply, BlindLabelReply]), ...refusals, 409: ErrorBody },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "labeller");
      const { project } = await requireCase(parts, request.params.id);
      const { classes } = await requireProject(database, project);
      const { id: caseId } = request.params;
      if (request.body.blind) await requireSecond(database, { caseId, by });
      const labelled = await labelCase(database, { ...request.body, caseId, by, at: clock.wallNow(), classes });
      await parts.labelsChanged(project);
      if (request.body.blind) return { caseId };
      await clearSuspicion(database, caseId);
      return labelled;
    },
  );

  api.delete(
    "/api/v1/cases/:id/labels/latest",
    {
      schema: {
        summary: "Take back the newest label that you gave this case",
        tags,
        params: CasePath,
        querystring: BlindQuery,
        response: { 200: z.union([LabelReply, BlindLabelReply]), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "labeller");
      const { id: caseId } = request.params;
      const labelled = await undoLabel(database, { caseId, by, at: clock.wallNow() });
      await parts.labelsChanged((await requireCase(parts, caseId)).project);
      return request.query.blind ? { caseId } : labelled;
    },
  );

  api.get(
    "/api/v1/second-labels",
    {
      schema: {
        summary: "Cases that others have labelled and you have not, for a blind second label",
        tags,
        querystring: SecondQuery,
        response: {
          200: z.strictObject({ cases: z.array(z.strictObject({ id: z.string() })), total: z.int() }),
          ...refusals,
        },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "labeller");
      return secondLabelQueue(database, { project: request.query.project, by, count: request.query.n });
    },
  );
}

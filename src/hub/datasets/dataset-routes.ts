import { Readable } from "node:stream";
import { z } from "zod";
import { DatasetCasesReply, DatasetItem } from "../../contracts/dataset.ts";
import { Sha256 } from "../../contracts/hub-case.ts";
import { diffItems } from "../../datasets/diff-items.ts";
import { canonicalStream } from "../../datasets/items.ts";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import { CaseFilter } from "../cases/case-filter.ts";
import { requirePerson } from "../people/require-person.ts";
import type { Database } from "../store/database.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { caseItems } from "./case-items.ts";
import { createVersion, DatasetVersion, listVersions, versionBySha256, VersionSummary } from "./dataset-versions.ts";
import { exportDocument, MOST_LISTED } from "./export-documents.ts";
import { canonicalLines, listItems } from "./item-lists.ts";

export interface DatasetRouteParts {
  readonly database: Database;
  readonly objects: Pick<ObjectStore, "get">;
  readonly clock: Clock;
}

const tags = ["data sets"];
const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody } as const;
const VersionPath = z.strictObject({ sha256: Sha256 });

const NewVersion = z.strictObject({
  project: z.string().min(1).max(64),
  name: z.string().min(1).max(128).describe("of the series; its newest version becomes the parent"),
  note: z.string().max(10_000).default(""),
  filter: CaseFilter.omit({ project: true, labelled: true }).default({}).describe("which labelled cases are taken"),
});
const StoredVersion = z.strictObject({ stored: z.enum(["new", "known"]), version: DatasetVersion });
const ListQuery = z.strictObject({
  project: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
const ExportQuery = z.strictObject({
  format: z.enum(["items", "csv", "coco", "label-studio", "fiftyone"]).default("items"),
});
const CasesQuery = z.strictObject({
  filter: z
    .string()
    .max(20_000)
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: "custom", message: "not JSON" });
        return z.NEVER;
      }
    })
    .pipe(CaseFilter),
  afterRow: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
});
const Change = z.strictObject({
  image: Sha256,
  before: DatasetItem,
  after: DatasetItem,
  fields: z.array(z.enum(["label", "boxes", "part", "metadata"])),
});
const DiffReply = z.strictObject({
  before: Sha256,
  after: Sha256,
  added: z.int(),
  removed: z.int(),
  unchanged: z.int(),
  changed: z.int(),
  classes: z.array(z.strictObject({ label: z.string(), added: z.int(), removed: z.int() })),
  relabelled: z.array(z.strictObject({ from: z.string(), to: z.string(), images: z.int() })),
  fields: z.strictObject({ label: z.int(), boxes: z.int(), part: z.int(), metadata: z.int() }),
  examples: z.strictObject({
    added: z.array(DatasetItem),
    removed: z.array(DatasetItem),
    changed: z.array(Change),
  }),
});

/** Immutable versions of labelled cases, what changed between them, and the way out: items, listings, images. */
export function installDatasetRoutes(api: Api, parts: DatasetRouteParts): void {
  installVersionRoutes(api, parts);
  installExportRoutes(api, parts);
}

function installVersionRoutes(api: Api, { database, clock }: DatasetRouteParts): void {
  api.get(
    "/api/v1/datasets",
    {
      schema: {
        summary: "Data set versions, newest first",
        tags,
        querystring: ListQuery,
        response: { 200: z.strictObject({ versions: z.array(VersionSummary) }), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return { versions: await listVersions(database, request.query) };
    },
  );

  api.post(
    "/api/v1/datasets",
    {
      schema: {
        summary: "Take the labelled cases of a filter as a version that never changes",
        tags,
        body: NewVersion,
        response: { 200: StoredVersion, ...refusals, 404: ErrorBody, 409: ErrorBody },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      await requireProject(database, request.body.project);
      const made = await createVersion(database, request.body, { by, at: clock.wallNow() });
      if (made === null) {
        throw new HttpRefusal(409, "NO_CASES", "No labelled case fits this filter; label some, or widen it.");
      }
      const { listId: _listId, ...version } = await requireVersion(database, made.sha256);
      return { stored: made.stored, version };
    },
  );

  api.get(
    "/api/v1/datasets/:sha256",
    {
      schema: {
        summary: "One version: how it was made, parts and frames by class and side",
        tags,
        params: VersionPath,
        response: { 200: DatasetVersion, ...refusals, 404: ErrorBody },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { listId: _listId, ...version } = await requireVersion(database, request.params.sha256);
      return version;
    },
  );

  api.get(
    "/api/v1/datasets/:sha256/diff",
    {
      schema: {
        summary: "What became of a version's parent, or of another one, in it",
        tags,
        params: VersionPath,
        querystring: z.strictObject({ from: Sha256.optional().describe("absent: the parent") }),
        response: { 200: DiffReply, ...refusals, 404: ErrorBody },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const after = await requireVersion(database, request.params.sha256);
      const from = request.query.from ?? after.parent;
      if (from === null) {
        throw new HttpRefusal(
          400,
          "NO_PARENT",
          "This version is the first of its series; say from which one with ?from=.",
        );
      }
      const before = await requireVersion(database, from);
      const diff = await diffItems(listItems(database, before.listId), listItems(database, after.listId));
      return { before: before.sha256, after: after.sha256, ...diff };
    },
  );
}

function installExportRoutes(api: Api, { database, objects }: DatasetRouteParts): void {
  api.get(
    "/api/v1/datasets/:sha256/export",
    {
      schema: {
        summary:
          "A version's items as the canonical list (its SHA-256 is the version), or its listing in another format",
        tags,
        params: VersionPath,
        querystring: ExportQuery,
        response: { ...refusals, 404: ErrorBody, 413: ErrorBody },
      },
    },
    async (request, reply) => {
      requirePerson(request, "viewer");
      const { listId, cases } = await requireVersion(database, request.params.sha256);
      const { format } = request.query;
      if (format === "items") {
        return reply
          .type("application/json; charset=utf-8")
          .header("content-disposition", 'attachment; filename="items.json"')
          .send(Readable.from(canonicalStream(canonicalLines(database, listId))));
      }
      if (cases > MOST_LISTED) {
        const sentence = `This version has ${cases} images; of more than ${MOST_LISTED} take the items, or use sightline dataset export.`;
        throw new HttpRefusal(413, "TOO_LARGE", sentence);
      }
      const items: DatasetItem[] = [];
      for await (const item of listItems(database, listId)) items.push(item);
      const { text, mediaType, fileName } = await exportDocument(database, items, format);
      return reply.type(mediaType).header("content-disposition", `attachment; filename="${fileName}"`).send(text);
    },
  );

  api.get(
    "/api/v1/datasets/cases",
    {
      schema: {
        summary: "Cases of a filter as items, unlabelled ones too, oldest first",
        tags,
        querystring: CasesQuery,
        response: { 200: DatasetCasesReply, ...refusals, 404: ErrorBody },
      },
    },
    async (request): Promise<DatasetCasesReply> => {
      requirePerson(request, "viewer");
      const { filter, limit, afterRow } = request.query;
      await requireProject(database, filter.project);
      const { items, nextAfterRow } = await caseItems(database, filter, { limit, afterRow });
      return { items: items.map(({ item }) => item), nextAfterRow };
    },
  );

  api.get(
    "/api/v1/datasets/images/:sha256",
    {
      schema: {
        summary: "An image's bytes, as the device sent them",
        tags,
        params: VersionPath,
        response: { ...refusals, 404: ErrorBody },
      },
    },
    async (request, reply) => {
      requirePerson(request, "viewer");
      const { sha256 } = request.params;
      const image = await database.query
        .selectFrom("images")
        .select("media_type")
        .where("sha256", "=", sha256)
        .executeTakeFirst();
      const bytes = image === undefined ? null : await objects.get(sha256);
      if (image === undefined || bytes === null) {
        throw new HttpRefusal(404, "UNKNOWN_IMAGE", `The hub has no image ${sha256}.`);
      }
      // Named by its content: it can never be another.
      return reply.type(image.media_type).header("cache-control", "private, max-age=31536000, immutable").send(bytes);
    },
  );
}

async function requireVersion(database: Database, sha256: string) {
  const version = await versionBySha256(database, sha256);
  if (version === null) throw new HttpRefusal(404, "UNKNOWN_DATASET", `There is no data set version ${sha256}.`);
  return version;
}

async function requireProject({ query }: Database, id: string): Promise<void> {
  const found = await query.selectFrom("projects").select("id").where("id", "=", id).executeTakeFirst();
  if (found === undefined) throw new HttpRefusal(404, "UNKNOWN_PROJECT", `There is no project "${id}".`);
}

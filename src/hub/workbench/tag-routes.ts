import { z } from "zod";
import type { Api } from "../../http/zod-provider.ts";
import { createTag, listTags, tagCases, TagColour, TagName, untagCases } from "../cases/tag-cases.ts";
import { requirePerson } from "../people/require-person.ts";
import { requireProject } from "./project-record.ts";
import { Done, ProjectQuery, refusals } from "./route-schemas.ts";
import type { WorkbenchParts } from "./workbench-parts.ts";

const tags = ["tags"];
const MOST_CASES = 5000;
const MOST_TAGS = 50;

const TagBody = z.strictObject({
  id: z.int(),
  project: z.string(),
  name: z.string(),
  colour: z.string(),
  description: z.string(),
});
const NewTagBody = z.strictObject({
  project: z.string(),
  name: TagName,
  colour: TagColour,
  description: z.string().max(500).default(""),
});
const Retagging = z.strictObject({
  caseIds: z.array(z.uuid()).min(1).max(MOST_CASES),
  add: z.array(z.int()).max(MOST_TAGS).default([]),
  remove: z.array(z.int()).max(MOST_TAGS).default([]),
});

export function installTagRoutes(api: Api, { database, clock }: WorkbenchParts): void {
  api.get(
    "/api/v1/tags",
    {
      schema: {
        summary: "Tags of a project",
        tags,
        querystring: ProjectQuery,
        response: { 200: z.strictObject({ tags: z.array(TagBody) }), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return { tags: await listTags(database, request.query.project) };
    },
  );

  api.post(
    "/api/v1/tags",
    {
      schema: {
        summary: "Make a tag, or find the one of that name",
        tags,
        body: NewTagBody,
        response: { 200: z.strictObject({ tag: TagBody }), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "labeller");
      await requireProject(database, request.body.project);
      return { tag: await createTag(database, { ...request.body, by, at: clock.wallNow() }) };
    },
  );

  api.put(
    "/api/v1/cases/tags",
    {
      schema: {
        summary: "Add tags to cases and take others off; tags are not exclusive",
        tags,
        body: Retagging,
        response: { 200: Done, ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "labeller");
      const { caseIds, add, remove } = request.body;
      const at = clock.wallNow();
      for (const tagId of add) await tagCases(database, { caseIds, tagId, by, at });
      for (const tagId of remove) await untagCases(database, { caseIds, tagId, by, at });
      return { ok: true };
    },
  );
}

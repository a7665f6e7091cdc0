import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Api } from "../../http/zod-provider.ts";
import { requirePerson } from "../people/require-person.ts";
import { requireProject } from "./project-record.ts";
import { Done, ProjectQuery, refusals } from "./route-schemas.ts";
import type { WorkbenchParts } from "./workbench-parts.ts";

const tags = ["saved filters"];
const FilterBody = z.strictObject({ name: z.string(), query: z.string(), createdBy: z.string(), createdAt: z.int() });
const SavedFilter = z.strictObject({
  project: z.string(),
  query: z.string().max(20_000).describe("a case filter without its project, as JSON"),
});
const FilterPath = z.strictObject({ name: z.string().min(1).max(80) });

/** Filters that a project's people share. Saving one of a known name replaces it. */
export function installFilterRoutes(api: Api, { database, clock }: WorkbenchParts): void {
  api.get(
    "/api/v1/saved-filters",
    {
      schema: {
        summary: "Saved filters of a project",
        tags,
        querystring: ProjectQuery,
        response: { 200: z.strictObject({ filters: z.array(FilterBody) }), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const found = await database.query
        .selectFrom("saved_filters")
        .select(["name", "query", "created_by as createdBy", "created_at as createdAt"])
        .where("project_id", "=", request.query.project)
        .orderBy("name")
        .execute();
      return { filters: found };
    },
  );

  api.put(
    "/api/v1/saved-filters/:name",
    {
      schema: {
        summary: "Save a filter",
        tags,
        params: FilterPath,
        body: SavedFilter,
        response: { 200: Done, ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "labeller");
      const { project, query } = request.body;
      await requireProject(database, project);
      const values = { query, created_by: by, created_at: clock.wallNow() };
      await database.query
        .insertInto("saved_filters")
        .values({ id: randomUUID(), project_id: project, name: request.params.name, ...values })
        .onConflict((conflict) => conflict.columns(["project_id", "name"]).doUpdateSet(values))
        .execute();
      return { ok: true };
    },
  );

  api.delete(
    "/api/v1/saved-filters/:name",
    {
      schema: {
        summary: "Delete a saved filter",
        tags,
        params: FilterPath,
        querystring: ProjectQuery,
        response: { 200: Done, ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "labeller");
      await database.query
        .deleteFrom("saved_filters")
        .where("project_id", "=", request.query.project)
        .where("name", "=", request.params.name)
        .execute();
      return { ok: true };
    },
  );
}

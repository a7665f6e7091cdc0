import { z } from "zod";
import { ErrorBody } from "../../http/error-body.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import { requirePerson } from "../people/require-person.ts";
import type { Database } from "../store/database.ts";
import { changeProject, createProject, listProjects, ProjectBody, ProjectChange, NewProject } from "./projects.ts";

export interface ProjectRouteParts {
  readonly database: Database;
  readonly clock: Clock;
}

const tags = ["projects"];
const refusals = { 400: ErrorBody, 401: ErrorBody, 403: ErrorBody } as const;
const Done = z.strictObject({ ok: z.literal(true) });

export function installProjectRoutes(api: Api, { database, clock }: ProjectRouteParts): void {
  api.get(
    "/api/v1/projects",
    {
      schema: {
        summary: "Every project",
        tags,
        response: { 200: z.strictObject({ projects: z.array(ProjectBody) }), 401: ErrorBody, 403: ErrorBody },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      return { projects: await listProjects(database) };
    },
  );

  api.post(
    "/api/v1/projects",
    {
      schema: {
        summary: "Begin a project",
        tags,
        body: NewProject,
        response: { 200: Done, ...refusals, 409: ErrorBody },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      if (!(await createProject(database, request.body, { by, at: clock.wallNow() }))) {
        throw new HttpRefusal(409, "NAME_TAKEN", "There is a project with this id or name already.");
      }
      return { ok: true };
    },
  );

  api.patch(
    "/api/v1/projects/:id",
    {
      schema: {
        summary: "Change what a project is to achieve",
        tags,
        params: z.strictObject({ id: z.string() }),
        body: ProjectChange,
        response: { 200: Done, ...refusals, 404: ErrorBody, 409: ErrorBody },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const { id } = request.params;
      const became = await changeProject(database, id, request.body, { by, at: clock.wallNow() });
      if (became === "unknown") throw new HttpRefusal(404, "UNKNOWN_PROJECT", `There is no project "${id}".`);
      if (became === "name taken") {
        throw new HttpRefusal(409, "NAME_TAKEN", `There is another project with the name "${request.body.name}".`);
      }
      return { ok: true };
    },
  );
}

import { z } from "zod";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import { recordAudit } from "../people/audit.ts";
import { requirePerson } from "../people/require-person.ts";
import { errorCells } from "./error-cells.ts";
import { modelVersions } from "./model-versions.ts";
import { requireProject } from "./project-record.ts";
import { documented, Done, ProjectQuery, refusals } from "./route-schemas.ts";
import {
  changeWorkOrder,
  createWorkOrder,
  listWorkOrders,
  measuredGain,
  NewWorkOrder,
  WorkOrderChange,
} from "./work-orders.ts";
import type { WorkbenchParts } from "./workbench-parts.ts";

const tags = ["work orders"];

/** What people decide to do about a tag, and what came of it. */
export function installWorkOrderRoutes(api: Api, { database, clock }: WorkbenchParts): void {
  const factsOf = async (project: string) => {
    const [cells, versions] = await Promise.all([errorCells(database, project), modelVersions(database, project)]);
    return { ...cells, versions };
  };

  api.get(
    "/api/v1/work-orders",
    {
      schema: {
        summary: "Work orders of a project, the newest first, with what they brought",
        tags,
        querystring: ProjectQuery,
        response: { 200: documented("{orders}"), ...refusals },
      },
    },
    async (request) => {
      requirePerson(request, "viewer");
      const { project } = request.query;
      return { orders: await listWorkOrders(database, project, await factsOf(project)) };
    },
  );

  api.post(
    "/api/v1/work-orders",
    {
      schema: {
        summary: "Open a work order; one to collect becomes a rule that devices obey",
        tags,
        body: NewWorkOrder,
        response: { 200: z.strictObject({ id: z.string() }), ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      await requireProject(database, request.body.project);
      const at = clock.wallNow();
      const id = await createWorkOrder(database, request.body, { by, at });
      const { title, kind } = request.body;
      await recordAudit(database.query, {
        at,
        actor: by,
        action: "open work order",
        subject: id,
        detail: { title, kind },
      });
      return { id };
    },
  );

  api.patch(
    "/api/v1/work-orders/:id",
    {
      schema: {
        summary: "Change or close a work order",
        tags,
        params: z.strictObject({ id: z.uuid() }),
        body: WorkOrderChange,
        response: { 200: Done, ...refusals },
      },
    },
    async (request) => {
      const { name: by } = requirePerson(request, "engineer");
      const { id } = request.params;
      const at = clock.wallNow();
      const known = await changeWorkOrder(database, id, request.body, {
        at,
        measure: async (order) => {
          const { versions, ...cells } = await factsOf(order.project);
          return measuredGain(order, cells, versions);
        },
      });
      if (!known) throw new HttpRefusal(404, "UNKNOWN_WORK_ORDER", `There is no work order ${id}.`);
      await recordAudit(database.query, {
        at,
        actor: by,
        action: "change work order",
        subject: id,
        detail: request.body,
      });
      return { ok: true };
    },
  );
}

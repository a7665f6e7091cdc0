import { fileURLToPath } from "node:url";
import { fastifyStatic } from "@fastify/static";
import type { Api } from "../../http/zod-provider.ts";
import { installAnalysisRoutes } from "./analysis-routes.ts";
import { installCaseRoutes } from "./case-routes.ts";
import { installFilterRoutes } from "./filter-routes.ts";
import { installTagRoutes } from "./tag-routes.ts";
import { installWorkOrderRoutes } from "./work-order-routes.ts";
import type { WorkbenchParts } from "./workbench-parts.ts";

const PAGE_FOLDER = fileURLToPath(new URL("./page/", import.meta.url));

/** Tags of the workbench's routes, for the OpenAPI document. */
export const WORKBENCH_TAGS = [
  { name: "cases", description: "Galleries, single cases, images, labels" },
  { name: "tags", description: "What cases have in common, in people's words" },
  { name: "saved filters", description: "Filters that a project's people share" },
  { name: "analysis", description: "Where the errors are, why, and what to try next" },
  { name: "work orders", description: "What is done about it, and what came of it" },
];

/** Everything that people see in the browser: the routes, and the page itself. */
export async function installWorkbench(api: Api, parts: WorkbenchParts): Promise<void> {
  installCaseRoutes(api, parts);
  installTagRoutes(api, parts);
  installFilterRoutes(api, parts);
  installAnalysisRoutes(api, parts);
  installWorkOrderRoutes(api, parts);
  await api.register(fastifyStatic, { root: PAGE_FOLDER, cacheControl: false });
}

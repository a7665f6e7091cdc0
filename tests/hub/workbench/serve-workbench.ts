import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Api } from "../../../src/http/zod-provider.ts";
import { SimilarityIndex } from "../../../src/hub/cases/similar-cases.ts";
import { installDeviceAdminRoutes } from "../../../src/hub/intake/device-admin-routes.ts";
import { createUser } from "../../../src/hub/people/accounts.ts";
import { installOpenIdRoutes } from "../../../src/hub/people/openid-routes.ts";
import { installSessionRoutes } from "../../../src/hub/people/session-routes.ts";
import { SignInAttempts } from "../../../src/hub/people/sign-in-attempts.ts";
import { installUserRoutes } from "../../../src/hub/people/user-routes.ts";
import { installProjectRoutes } from "../../../src/hub/projects/project-routes.ts";
import { HubServer } from "../../../src/hub/server.ts";
import { type Database, openDatabase } from "../../../src/hub/store/database.ts";
import { AnalysisDesk } from "../../../src/hub/workbench/analysis-desk.ts";
import { installWorkbench } from "../../../src/hub/workbench/workbench-routes.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { MemoryImages, type Seeded, seedWorkbench } from "./seed-workbench.ts";

/** Hundreds of labels are seeded one by one; a disk that really syncs would take most of the tests' time. */
const SHARED_MEMORY = "/dev/shm";

export const PASSWORD = "correct horse battery staple";
export const PEOPLE = {
  ada: "engineer",
  grace: "labeller",
  grete: "labeller",
  vince: "labeller",
  vera: "viewer",
  root: "admin",
} as const;

export interface ServedWorkbench {
  readonly url: string;
  readonly database: Database;
  readonly seeded: Seeded;
  stop(): Promise<void>;
}

export interface ServeOptions {
  readonly cases?: number;
  readonly unlabelled?: number;
  readonly port?: number;
  /** Further routes, installed before the workbench's own. */
  readonly before?: (api: Api) => void;
}

/** The hub's server with the workbench, on SQLite in a folder of its own and images in memory. */
export async function serveWorkbench(options: ServeOptions = {}): Promise<ServedWorkbench> {
  const folder = mkdtempSync(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), "sightline-workbench-"));
  const settings = { engine: "sqlite", path: join(folder, "hub.sqlite") } as const;
  const database = await openDatabase(settings);
  const images = new MemoryImages();
  const seeded = await seedWorkbench(database, images, options);
  const clock = systemClock;
  for (const [name, role] of Object.entries(PEOPLE)) {
    await createUser(database, { name, role, password: PASSWORD }, { by: "test", at: clock.wallNow() });
  }
  const desk = new AnalysisDesk(database, clock);
  const similar = new SimilarityIndex(settings, clock);
  const sessions = {
    database,
    clock,
    attempts: new SignInAttempts(clock),
    sessionHours: 8,
    secureCookies: false,
    signInsPerMinute: 1000,
  };
  const installRoutes = async (api: Api): Promise<void> => {
    options.before?.(api);
    installDeviceAdminRoutes(api, { database, clock });
    installProjectRoutes(api, { database, clock });
    installSessionRoutes(api, sessions);
    installOpenIdRoutes(api, { ...sessions, openId: null });
    installUserRoutes(api, { database, clock });
    await installWorkbench(api, { database, images, similar, desk, clock, labelsChanged: async () => undefined });
  };
  const server = new HubServer(
    { database, version: "0.1.0", clock, log: silentLogger, installRoutes, onAnswer: () => undefined },
    { host: "127.0.0.1", port: options.port ?? 0, trustProxy: false, https: false },
  );
  await similar.start();
  await desk.start();
  await server.start();
  return {
    url: server.url,
    database,
    seeded,
    async stop() {
      await server.stop();
      await desk.stop();
      await similar.stop();
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

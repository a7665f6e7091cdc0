import type { Environment } from "../config/secret.ts";
import { SightlineError } from "../contracts/errors.ts";
import { systemClock } from "../platform/clock.ts";
import { startServices } from "../platform/services.ts";
import { openHubDatabase, type HubParts } from "./hub.ts";
import type { HubConfig } from "./hub-config.ts";
import { importModel } from "./models/model-versions.ts";
import { openObjectStore } from "./store/open-object-store.ts";
import { modelStoreSettings, objectStoreSettings } from "./store-settings.ts";
import { trainingWorkers } from "./training/training-worker.ts";

/** A process that only trains and judges, for a machine beside the hub's. `stop` gives work under way back to the table. */
export async function startHubWorker(
  config: HubConfig,
  workers: number,
  { clock, log, environment }: HubParts,
): Promise<{ stop(): Promise<void> }> {
  const database = await openHubDatabase(config, environment);
  try {
    const images = await openObjectStore(await objectStoreSettings(config.images, environment), clock.wallNow());
    const models = await openObjectStore(await modelStoreSettings(config, environment), clock.wallNow());
    const services = trainingWorkers({
      ...{ database, images: images.store, models: models.store, clock, log },
      settings: { ...config.training, workers },
    });
    const running = await startServices(services, (service, error) =>
      log.error({ service, error }, "did not stop cleanly"),
    );
    return {
      async stop() {
        await running.stop();
        images.close();
        models.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Keeps a bundle of this machine as a model version; works beside a running hub. Returns its id. */
export async function addModelToHub(
  config: HubConfig,
  wish: { readonly project: string; readonly folder: string; readonly active: boolean },
  environment: Environment,
): Promise<string> {
  const database = await openHubDatabase(config, environment);
  const now = systemClock.wallNow();
  try {
    const known = await database.query
      .selectFrom("projects")
      .select("id")
      .where("id", "=", wish.project)
      .executeTakeFirst();
    if (known === undefined) throw new SightlineError("USAGE", `the hub has no project ${wish.project}`);
    const models = await openObjectStore(await modelStoreSettings(config, environment), now);
    const id = await importModel({ database, models: models.store }, wish, { by: "command line", at: now });
    models.close();
    return id;
  } finally {
    await database.close();
  }
}

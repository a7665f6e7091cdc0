import { join } from "node:path";
import { type Environment, readSecret } from "../config/secret.ts";
import type { HubConfig } from "./hub-config.ts";
import type { DatabaseSettings } from "./store/database.ts";
import type { ObjectStoreSettings } from "./store/open-object-store.ts";

/** With the password of the configuration's secret in the address. */
export async function databaseSettings(
  database: HubConfig["database"],
  environment: Environment,
): Promise<DatabaseSettings> {
  if (database.engine === "sqlite") return database;
  const { engine, connections, password } = database;
  const url = new URL(database.url);
  if (password !== undefined) url.password = encodeURIComponent(await readSecret(password, environment));
  return { engine, url: url.href, connections };
}

export async function objectStoreSettings(
  images: HubConfig["images"],
  environment: Environment,
): Promise<ObjectStoreSettings> {
  if (images.type === "folder") return { kind: "folder", path: images.path };
  const { bucket, region, prefix, endpoint = null, credentials } = images;
  const read = async (keys: NonNullable<typeof credentials>) => ({
    accessKeyId: await readSecret(keys.accessKeyId, environment),
    secretAccessKey: await readSecret(keys.secretAccessKey, environment),
  });
  return {
    ...{ kind: "s3", bucket, region, prefix, endpoint },
    credentials: credentials === undefined ? null : await read(credentials),
  };
}

/** Where model bundles lie: beside the images, but where no search for orphaned images comes by. */
export async function modelStoreSettings(
  { images, dataDirectory }: Pick<HubConfig, "images" | "dataDirectory">,
  environment: Environment,
): Promise<ObjectStoreSettings> {
  const settings = await objectStoreSettings(images, environment);
  if (settings.kind === "folder") return { kind: "folder", path: join(dataDirectory, "models") };
  return { ...settings, prefix: `models/${settings.prefix}` };
}

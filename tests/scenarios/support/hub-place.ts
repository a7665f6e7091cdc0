import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { enrolDevice, makeEnrolmentCode } from "../../../src/hub/intake/enrol-device.ts";
import { openDatabase, type DatabaseSettings } from "../../../src/hub/store/database.ts";
import type { ObjectStoreSettings } from "../../../src/hub/store/open-object-store.ts";
import { startPostgres } from "../../hub/support/postgres.ts";
import { addPeople, PROJECT } from "../../hub/support/running-hub.ts";
import { CREDENTIALS, StrictS3 } from "../../hub/support/strict-s3.ts";
import { HubHouse } from "./hub-process.ts";

/** Where a hub's process keeps its things, for a test that looks at them from outside. */
export interface HubPlace {
  readonly house: HubHouse;
  readonly database: DatabaseSettings;
  readonly images: ObjectStoreSettings;
  readonly environment: Readonly<Record<string, string>>;
}

export async function sqliteAndFolder(): Promise<HubPlace> {
  const house = await HubHouse.build({});
  return {
    house,
    database: { engine: "sqlite", path: join(house.directory, "data", "hub.sqlite") },
    images: { kind: "folder", path: join(house.directory, "data", "images") },
    environment: {},
  };
}

/** A PostgreSQL of its own, and an S3 stand-in; both end with the test. */
export async function postgresAndS3(): Promise<HubPlace> {
  const [server, s3] = [await startPostgres(), await StrictS3.start()];
  onTestFinished(async () => {
    server.stop();
    await s3.stop();
  });
  const url = server.createDatabase("killed");
  const bucket = { bucket: "images", region: "us-east-1", endpoint: s3.endpoint, prefix: "" };
  return {
    house: await HubHouse.build({
      database: { engine: "postgres", url },
      images: {
        ...{ type: "s3", ...bucket },
        credentials: { accessKeyId: { env: "S3_KEY" }, secretAccessKey: { env: "S3_SECRET" } },
      },
    }),
    database: { engine: "postgres", url, connections: 4 },
    images: { kind: "s3", ...bucket, credentials: CREDENTIALS },
    environment: { S3_KEY: CREDENTIALS.accessKeyId, S3_SECRET: CREDENTIALS.secretAccessKey },
  };
}

/** People, the project, and a credential for each of these devices, in their order. */
export async function enrolDevices({ house, database: settings }: HubPlace, devices: readonly string[]) {
  mkdirSync(join(house.directory, "data"), { recursive: true });
  const database = await openDatabase(settings);
  await addPeople(database);
  const limits = { dailyCases: 100_000, dailyBytes: 1e12 };
  const enrolled: { readonly device: string; readonly credential: string }[] = [];
  for (const device of devices) {
    const wanted = { device, project: PROJECT, line: "line1", hours: 1 };
    const { code } = await makeEnrolmentCode(database, wanted, { by: "test", at: Date.now() });
    const given = await enrolDevice(database, code, { at: Date.now(), limits });
    if (given === null) throw new Error(`${device} could not be enrolled`);
    enrolled.push({ device, credential: given.credential });
  }
  await database.close();
  return enrolled;
}

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { enrolDevice, makeEnrolmentCode } from "../../src/hub/intake/enrol-device.ts";
import { openDatabase, type DatabaseSettings } from "../../src/hub/store/database.ts";
import { openObjectStore, type ObjectStoreSettings } from "../../src/hub/store/open-object-store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { hasPostgres, startPostgres } from "../hub/support/postgres.ts";
import { addPeople, PROJECT, Sender } from "../hub/support/running-hub.ts";
import { CREDENTIALS, StrictS3 } from "../hub/support/strict-s3.ts";
import { CaseSender } from "./support/case-sender.ts";
import { HubHouse } from "./support/hub-process.ts";

/** SIGHTLINE_HUB_KILLS=10 is the long form: a thousand cases. */
const KILLS = Number(process.env["SIGHTLINE_HUB_KILLS"] ?? 3);
const CASES_OF_EACH = KILLS * 50;
/** Most of it is starting hubs, on a machine that does other things besides. */
const TIMEOUT_MS = 60_000 + KILLS * 60_000;
/** After a life's share of cases has come; well below what the rest takes. */
const LONGEST_WAIT_MS = 100;

interface Place {
  readonly house: HubHouse;
  readonly database: DatabaseSettings;
  readonly images: ObjectStoreSettings;
  readonly environment: Readonly<Record<string, string>>;
}

async function prepare({ house, database: settings }: Place): Promise<Sender[]> {
  mkdirSync(join(house.directory, "data"), { recursive: true });
  const database = await openDatabase(settings);
  await addPeople(database);
  const limits = { dailyCases: 100_000, dailyBytes: 1e12 };
  const senders: Sender[] = [];
  for (const device of ["station-1", "station-2"]) {
    const wanted = { device, project: PROJECT, line: "line1", hours: 1 };
    const { code } = await makeEnrolmentCode(database, wanted, { by: "test", at: Date.now() });
    const enrolled = await enrolDevice(database, code, { at: Date.now(), limits });
    if (enrolled === null) throw new Error("the device could not be enrolled");
    senders.push(new Sender(house.url, device, enrolled.credential));
  }
  await database.close();
  return senders;
}

async function killDuringIntake(place: Place): Promise<void> {
  const devices = (await prepare(place)).map((sender) => new CaseSender(sender));
  const acknowledged = (): number => devices.reduce((sum, device) => sum + device.acknowledged.length, 0);
  let boot = await place.house.boot(place.environment);
  // Every tenth picture is the same for both: two devices may well send the same bytes.
  const sending = devices.map((device, index) =>
    device.send(CASES_OF_EACH, { atOnce: 4, imageOf: (at) => (at % 10 === 0 ? at : at * 2 + 100_000 + index) }),
  );
  const perLife = Math.floor((2 * CASES_OF_EACH) / (KILLS + 1));
  for (let kill = 1; kill <= KILLS; kill++) {
    await expect.poll(acknowledged, { timeout: 120_000, interval: 5 }).toBeGreaterThanOrEqual((kill - 0.5) * perLife);
    await sleep(Math.random() * LONGEST_WAIT_MS); // a moment nobody chose
    await boot.kill();
    boot = await place.house.boot(place.environment);
  }
  await Promise.all(sending);
  expect((await boot.stop()).code).toBe(0);
  expect(devices.flatMap(({ refusals }) => refusals)).toEqual([]);
  await expectEachOnce(place, devices);
  console.info(`${KILLS} kills: ${acknowledged()} cases acknowledged, each there once`);
}

async function expectEachOnce(place: Place, devices: readonly CaseSender[]): Promise<void> {
  const database = await openDatabase(place.database);
  onTestFinished(() => database.close());
  const { store } = await openObjectStore(place.images, systemClock.wallNow());
  const rows = await database.query
    .selectFrom("cases")
    .leftJoin("embeddings", "embeddings.case_row", "cases.row")
    .select(["id", "device_id", "image_sha256", "verdict_json", "vector"])
    .execute();
  const sent = devices.flatMap((device) => device.acknowledged);
  expect(sent).toHaveLength(2 * CASES_OF_EACH);
  expect(rows.map(({ id }) => id).sort()).toEqual(sent.map(({ upload }) => upload.verdict.id).sort());
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const { upload, image } of sent) {
    const row = byId.get(upload.verdict.id);
    expect(JSON.parse(row?.verdict_json ?? "")).toEqual(upload.verdict);
    expect(Buffer.from(row?.vector ?? []).toString("base64")).toBe(upload.embedding);
    const stream = await store.get(row?.image_sha256 ?? "");
    expect(Buffer.concat((await stream?.toArray()) ?? []).equals(image)).toBe(true);
  }
}

describe("kill -9 of the hub while two devices send loses nothing that it acknowledged", () => {
  test("on SQLite and a folder", { timeout: TIMEOUT_MS }, async () => {
    const house = await HubHouse.build({});
    await killDuringIntake({
      house,
      database: { engine: "sqlite", path: join(house.directory, "data", "hub.sqlite") },
      images: { kind: "folder", path: join(house.directory, "data", "images") },
      environment: {},
    });
  });

  test.skipIf(!hasPostgres)("on PostgreSQL and S3", { timeout: TIMEOUT_MS }, async () => {
    const [server, s3] = [await startPostgres(), await StrictS3.start()];
    onTestFinished(async () => {
      server.stop();
      await s3.stop();
    });
    const url = server.createDatabase("killed");
    const bucket = { bucket: "images", region: "us-east-1", endpoint: s3.endpoint, prefix: "" };
    await killDuringIntake({
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
    });
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../src/hub/store/database.ts";
import { openObjectStore } from "../../src/hub/store/open-object-store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { hasPostgres } from "../hub/support/postgres.ts";
import { Sender } from "../hub/support/running-hub.ts";
import { CaseSender } from "./support/case-sender.ts";
import { enrolDevices, type HubPlace, postgresAndS3, sqliteAndFolder } from "./support/hub-place.ts";

/** SIGHTLINE_HUB_KILLS=10 is the long form: a thousand cases. */
const KILLS = Number(process.env["SIGHTLINE_HUB_KILLS"] ?? 3);
const CASES_OF_EACH = KILLS * 50;
/** Most of it is starting hubs, on a machine that does other things besides. */
const TIMEOUT_MS = 60_000 + KILLS * 60_000;
/** After a life's share of cases has come; well below what the rest takes. */
const LONGEST_WAIT_MS = 100;

async function killDuringIntake(place: HubPlace): Promise<void> {
  const enrolled = await enrolDevices(place, ["station-1", "station-2"]);
  const devices = enrolled.map(
    ({ device, credential }) => new CaseSender(new Sender(place.house.url, device, credential)),
  );
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

async function expectEachOnce(place: HubPlace, devices: readonly CaseSender[]): Promise<void> {
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
  test("on SQLite and a folder", { timeout: TIMEOUT_MS }, async () => killDuringIntake(await sqliteAndFolder()));

  test.skipIf(!hasPostgres)("on PostgreSQL and S3", { timeout: TIMEOUT_MS }, async () =>
    killDuringIntake(await postgresAndS3()),
  );
});

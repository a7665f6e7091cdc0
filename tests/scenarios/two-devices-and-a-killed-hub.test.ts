import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../src/hub/store/database.ts";
import { openObjectStore } from "../../src/hub/store/open-object-store.ts";
import { credentialPath, writeCredential } from "../../src/pipeline/uplink/credential.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { hasPostgres } from "../hub/support/postgres.ts";
import { PROJECT } from "../hub/support/running-hub.ts";
import { enrolDevices, type HubPlace, postgresAndS3, sqliteAndFolder } from "./support/hub-place.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { SMALL_PARTS, Station, type Boot } from "./support/station.ts";

/** SIGHTLINE_DEVICE_HUB_KILLS=10 is the long form: a thousand cases from two devices. */
const KILLS = Number(process.env["SIGHTLINE_DEVICE_HUB_KILLS"] ?? 3);
/** All of them hard cases: every frame is drawn for the audit. */
const PARTS_OF_EACH = KILLS === 3 ? 36 : KILLS * 50;
/** Most of it is starting hubs, and devices that leave a hub alone which did not answer. */
const TIMEOUT_MS = 90_000 + KILLS * 60_000;
const IN_TIME = { timeout: 120_000, interval: 20 };
/** Well below what the cases of one life take. */
const LONGEST_WAIT_MS = 150;

const DEVICES = ["station-1", "station-2"];

async function makeStation(house: HubPlace["house"], enrolled: { device: string; credential: string }) {
  const station = new Station({
    device: enrolled.device,
    camera: { ...SMALL_PARTS, partsPerSecond: 50, seed: DEVICES.indexOf(enrolled.device) + 1 },
    trigger: { mode: "external", deadlineMs: 20_000 },
    hub: {
      url: house.url,
      cases: { auditShare: 1, perHour: null, perDay: null, image: { format: "png" } },
      budget: { dailyCases: null },
    },
  });
  const credential = { hub: house.url, project: PROJECT, line: "line1", ...enrolled };
  mkdirSync(station.dataDirectory, { recursive: true });
  await writeCredential(credentialPath(station.dataDirectory), credential);
  return station;
}

const uplinkOf = async (boot: Boot) => (await boot.status()).hub;

async function sentBy(boots: readonly Boot[]): Promise<number> {
  const figures = await Promise.all(boots.map(uplinkOf));
  return figures.reduce((sum, hub) => sum + (hub?.sent ?? 0), 0);
}

async function inspectParts(boot: Boot): Promise<void> {
  for (let part = 0; part < PARTS_OF_EACH;) {
    const answer = await boot.post("/api/v1/trigger", {}).catch(() => null); // a kept connection may end as it is used
    if (answer === null) continue;
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    part++;
  }
}

async function killWhileDevicesUpload(place: HubPlace): Promise<void> {
  const began = performance.now();
  const enrolled = await enrolDevices(place, DEVICES);
  const stations = await Promise.all(enrolled.map((each) => makeStation(place.house, each)));
  let hub = await place.house.boot(place.environment);
  const boots = await Promise.all(stations.map((station) => station.boot()));
  for (const boot of boots) await expect.poll(async () => (await boot.get("/readyz")).status, IN_TIME).toBe(200);
  const inspecting = Promise.all(boots.map(inspectParts));
  inspecting.catch(() => undefined); // who waits for it sees it
  const perLife = Math.floor((DEVICES.length * PARTS_OF_EACH) / (KILLS + 1));
  for (let kill = 1; kill <= KILLS; kill++) {
    await expect.poll(() => sentBy(boots), IN_TIME).toBeGreaterThanOrEqual(Math.floor((kill - 0.5) * perLife));
    await sleep(Math.random() * LONGEST_WAIT_MS); // a moment nobody chose
    await hub.kill();
    hub = await place.house.boot(place.environment);
  }
  await inspecting;
  for (const boot of boots) await expect.poll(() => uplinkOf(boot), IN_TIME).toMatchObject({ waiting: 0, lost: 0 });
  const figures = await Promise.all(boots.map(uplinkOf));
  for (const boot of boots) expect(await boot.stop()).toMatchObject({ code: 0 });
  expect((await hub.stop()).code).toBe(0);
  const { cases, hard } = await expectEachOnce(place, stations);
  const leftOut = figures.reduce((sum, each) => sum + (each?.leftOut ?? 0), 0);
  expect(cases).toBe(hard - leftOut);
  expect(cases).toBeGreaterThanOrEqual(DEVICES.length * PARTS_OF_EACH - leftOut);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.info(
    `${KILLS} kills: ${cases} cases of two devices, each at the hub once (${leftOut} left out), ${seconds} s`,
  );
}

/** The very verdicts of the devices' ledgers, and images whose bytes have the hash that the device named. */
async function expectEachOnce(place: HubPlace, stations: readonly Station[]) {
  const database = await openDatabase(place.database);
  onTestFinished(() => database.close());
  const { store } = await openObjectStore(place.images, systemClock.wallNow());
  const ledgers = stations.map(({ dataDirectory }) => readLedger(dataDirectory));
  for (const ledger of ledgers) expectSquare(ledger);
  const verdicts = ledgers.flatMap((ledger) => ledger.verdicts);
  const inLedger = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
  const rows = await database.query.selectFrom("cases").select(["id", "image_sha256", "verdict_json"]).execute();
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  for (const { id, image_sha256, verdict_json } of rows) {
    expect(JSON.parse(verdict_json)).toEqual(inLedger.get(id));
    const bytes = Buffer.concat((await (await store.get(image_sha256))?.toArray()) ?? []);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(image_sha256);
  }
  const reported = await database.query.selectFrom("verdicts").select(["id", "json"]).execute();
  expect(reported.map(({ id }) => id).sort()).toEqual([...inLedger.keys()].sort());
  for (const { id, json } of reported) expect(JSON.parse(json)).toEqual(inLedger.get(id));
  const hard = verdicts.filter(({ hardCase, seq }) => seq !== null && hardCase.length > 0).length;
  return { cases: rows.length, hard };
}

describe("two devices bring every hard case to a hub that is killed again and again", () => {
  test("on SQLite and a folder", { timeout: TIMEOUT_MS }, async () => killWhileDevicesUpload(await sqliteAndFolder()));

  test.skipIf(!hasPostgres)("on PostgreSQL and S3", { timeout: TIMEOUT_MS }, async () =>
    killWhileDevicesUpload(await postgresAndS3()),
  );
});

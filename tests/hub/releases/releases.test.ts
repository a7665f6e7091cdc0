import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { importModel } from "../../../src/hub/models/model-versions.ts";
import { FolderStore } from "../../../src/hub/store/folder-store.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createReleases } from "../../../src/release/key-ceremony.ts";
import { signPending } from "../../../src/release/pending.ts";
import { publishReleases } from "../../../src/release/publish-release.ts";
import { ReleaseClient } from "../../../src/release/release-client.ts";
import { ReleasePolicy, RepositoryFolder } from "../../../src/release/repository-folder.ts";
import { readKeys } from "../../../src/release/signing-keys.ts";
import { type Browser, errorOf, HubUnderTest, PROJECT, temporaryFolder, type Sender } from "../support/running-hub.ts";

const TINY = new URL("../../fixtures/tiny-bundle", import.meta.url).pathname;
const OVERRIDE = "first model of the line, judged by hand";

interface ShownRelease {
  readonly id: string;
  readonly state: string;
  readonly stage: string | null;
  readonly sentence: string;
  readonly number: number;
}

/** Repository and keys: people keep theirs, the hub gets the three online ones. */
async function plantKeys() {
  const folder = temporaryFolder();
  const [repository, people, online] = [join(folder, "releases"), join(folder, "people"), join(folder, "online")];
  const releases = new RepositoryFolder(repository);
  await createReleases(
    { folder: releases, keysPath: people, passphrase: null, now: Date.now() },
    ReleasePolicy.parse({}),
    [PROJECT],
  );
  const keys = await readKeys(people, null);
  await publishReleases({ folder: releases, keys, now: Date.now(), orders: null });
  mkdirSync(online);
  for (const name of readdirSync(people)) {
    if (/^(snapshot|timestamp|director)-/.test(name)) cpSync(join(people, name), join(online, name));
  }
  const holders = keys.filter(({ name }) => name.startsWith("product-"));
  return { folder, repository, releases, people, online, holders };
}

type Plant = Awaited<ReturnType<typeof plantKeys>>;

async function startHub({ repository, online }: Plant) {
  const hub = await HubUnderTest.start({
    training: { workers: 0 },
    releases: { directory: repository, keys: online, everySeconds: 1 },
  });
  return { hub, admin: await hub.signIn("admin"), sender: await hub.enrol("camera-1") };
}

async function addModel(hub: HubUnderTest, folder: string, version: string, active = false): Promise<string> {
  const path = join(folder, `bundle-${version}`);
  cpSync(TINY, path, { recursive: true });
  const manifest = JSON.parse(await readFile(join(path, "manifest.json"), "utf8"));
  await writeFile(join(path, "manifest.json"), JSON.stringify({ ...manifest, version }));
  const models = new FolderStore(join(hub.folder, "data", "models"));
  const act = { by: "test", at: Date.now() };
  return importModel({ database: hub.database, models }, { project: PROJECT, folder: path, active }, act);
}

const CRITERIA = { shadowParts: 10, maxDisagreement: 0.2, shadowMinutes: 0, canaryMinutes: 0 };

async function release(admin: Browser, body: object): Promise<ShownRelease> {
  const answer = await admin.send("POST", "/api/v1/releases", { reason: "next model", criteria: CRITERIA, ...body });
  expect(answer.status, await answer.clone().text()).toBe(200);
  return ((await answer.json()) as { release: ShownRelease }).release;
}

async function until(admin: Browser, id: string, wanted: (release: ShownRelease) => boolean): Promise<ShownRelease> {
  for (let tries = 0; tries < 200; tries++) {
    const { releases } = (await (await admin.get(`/api/v1/releases?project=${PROJECT}`)).json()) as {
      releases: ShownRelease[];
    };
    const found = releases.find((each) => each.id === id);
    if (found !== undefined && wanted(found)) return found;
    if (tries === 199) throw new Error(JSON.stringify(found));
    await sleep(100);
  }
  throw new Error("unreachable");
}

const tell = async (sender: Sender, body: object): Promise<void> => {
  const answer = await fetch(`${sender.url}/api/v1/device/release`, {
    method: "PUT",
    headers: { authorization: `Bearer ${sender.credential}`, "content-type": "application/json" },
    body: JSON.stringify({
      schema: 1,
      device: sender.device,
      at: new Date().toISOString(),
      last: null,
      candidate: null,
      ...body,
    }),
  });
  expect(answer.status, await answer.clone().text()).toBe(200);
};

function deviceOf(hub: HubUnderTest, { folder, repository }: Plant): ReleaseClient {
  const root = (name: string) => readFileSync(join(repository, name, "metadata/1.root.json"));
  return new ReleaseClient({
    ...{ clock: systemClock, url: `${hub.url}/releases`, directoryPath: join(folder, "device") },
    ...{ birthRoots: { catalogue: root("catalogue"), director: root("director") }, device: "camera-1", line: "line1" },
  });
}

const reported = async (hub: HubUnderTest, modelId: string) => {
  const row = await hub.database.query
    .selectFrom("model_versions")
    .selectAll()
    .where("id", "=", modelId)
    .executeTakeFirstOrThrow();
  return { name: row.name, version: row.version, sha256: row.model_sha256 };
};

test("a candidate goes from the hub to people, to shadow, canary and fleet, verified by the real client; then back", async () => {
  const plant = await plantKeys();
  const { hub, admin, sender } = await startHub(plant);
  const first = await addModel(hub, plant.folder, "1.0.0");
  const engineer = await hub.signIn("engineer");
  const blocked = await engineer.send("POST", "/api/v1/releases", { modelId: first, reason: "first model" });
  expect(await errorOf(blocked)).toMatchObject({
    status: 409,
    code: "GATES_CLOSED",
    message: /certificate: It has no certificate/,
  });
  const asEngineer = { modelId: first, reason: "first model", override: OVERRIDE };
  expect((await engineer.send("POST", "/api/v1/releases", asEngineer)).status).toBe(403);

  const { id } = await release(admin, { modelId: first, override: OVERRIDE });
  const audit = (await (await admin.get("/api/v1/audit")).json()) as { entries: { action: string; detail: object }[] };
  expect(audit.entries.find(({ action }) => action === "override gates")?.detail).toMatchObject({ reason: OVERRIDE });

  const device = deviceOf(hub, plant);
  expect(await device.check(PROJECT)).toMatchObject({ outcome: "nothing-new" });
  expect((await admin.send("POST", `/api/v1/releases/${id}/stage`, { stage: "fleet" })).status).toBe(409);
  await signPending(plant.releases, plant.holders.slice(0, 1));
  const half = await until(admin, id, ({ sentence }) => sentence.startsWith("1 of 2 signatures"));
  expect(half.state).toBe("signing");
  await signPending(plant.releases, plant.holders);

  expect(await until(admin, id, ({ stage }) => stage === "shadow")).toMatchObject({ state: "rolling", number: 1 });
  expect(await device.check(PROJECT)).toMatchObject({ outcome: "installed", release: { stage: "shadow" } });
  const model = await reported(hub, first);
  const before = { name: "tile-surface", version: "0.9.0", sha256: "f".repeat(64) };
  const candidate = { ...model, phase: "shadow", parts: 8, wanted: 200, disagreements: 0, note: "" };
  await tell(sender, { active: before, candidate });
  await until(admin, id, ({ sentence }) => sentence.includes("10 parts are asked for"));
  await tell(sender, { active: before, candidate: { ...candidate, parts: 40, disagreements: 1 } });
  await until(admin, id, ({ stage }) => stage === "canary");
  expect(await device.check(PROJECT)).toMatchObject({ outcome: "installed", release: { stage: "canary" } });
  await tell(sender, { active: model });
  await until(admin, id, ({ state }) => state === "done");
  expect(await device.check(PROJECT)).toMatchObject({ outcome: "installed", release: { stage: "fleet" } });

  // A second one, which the canary takes back; the shadow stage is passed over by a person.
  const second = await addModel(hub, plant.folder, "1.1.0");
  const next = await release(admin, { modelId: second, override: OVERRIDE, automatic: false });
  await signPending(plant.releases, plant.holders);
  await until(admin, next.id, ({ state }) => state === "ready");
  expect((await admin.send("POST", `/api/v1/releases/${next.id}/stage`, { stage: "canary" })).status).toBe(200);
  expect(await device.check(PROJECT)).toMatchObject({ outcome: "installed", release: { version: "1.1.0" } });
  const last = {
    outcome: "rolled-back",
    name: "tiny",
    version: "1.1.0",
    code: "SLOW",
    sentence: "It was too slow.",
    at: new Date().toISOString(),
  };
  await tell(sender, { active: model, last: { ...last, name: (await reported(hub, second)).name } });
  const held = await until(admin, next.id, ({ state }) => state === "held");
  expect(held.sentence).toBe("camera-1 rolled back: It was too slow.");
  const fleet = (await (await admin.get(`/api/v1/fleet?project=${PROJECT}`)).json()) as { devices: { why: string }[] };
  expect(fleet.devices[0]?.why).toBe("It went back by itself: It was too slow.");

  const reason = "the canary was too slow";
  const back = await admin.send("POST", `/api/v1/releases/${next.id}/rollback`, { reason });
  expect(back.status, await back.clone().text()).toBe(200);
  const { back: again } = (await back.json()) as { back: ShownRelease };
  expect(again).toMatchObject({ state: "signing", number: 3 });
  await signPending(plant.releases, plant.holders);
  await until(admin, again.id, ({ stage }) => stage === "fleet");
  expect(await until(admin, next.id, ({ state }) => state === "withdrawn")).toMatchObject({ stage: "canary" });
  expect(await device.check(PROJECT)).toMatchObject({
    outcome: "installed",
    release: { version: "1.0.0", release: 3 },
  });
}, 60_000);

test("the hub serves the repository and nothing beside it, and starts with no key that belongs to people", async () => {
  const plant = await plantKeys();
  const { hub } = await startHub(plant);
  expect((await hub.fetch("/releases/catalogue/metadata/timestamp.json")).status).toBe(200);
  for (const path of [
    "policy.json",
    "staged/catalogue/targets.json",
    "catalogue/../policy.json",
    "%2e%2e/online/director-1.key.json",
  ]) {
    expect((await hub.fetch(`/releases/${path}`)).status).toBeGreaterThanOrEqual(400);
  }
  expect(existsSync(join(plant.online, "root-1.key.json"))).toBe(false);
  await expect(startHub({ ...plant, online: plant.people })).rejects.toThrow(/holds product-tiles-1.*carry these away/);
});

test("reports and alarms are of the device that shows its credential; an alarm stays open until a person looked", async () => {
  const { hub, admin, sender } = await startHub(await plantKeys());
  const alarm = {
    ...{ schema: 1, device: sender.device, at: new Date().toISOString(), stream: "brightness", direction: "down" },
    ...{ usual: 120, now: 90, sentence: "The images have become darker.", framesSinceStart: 400 },
  };
  const put = (body: object, credential = sender.credential) =>
    hub.fetch("/api/v1/device/drift", {
      method: "PUT",
      headers: { authorization: `Bearer ${credential}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  expect((await put(alarm, "nobody")).status).toBe(401);
  expect((await put({ ...alarm, device: "camera-2" })).status).toBe(403);
  expect((await put(alarm)).status).toBe(200);
  expect((await put(alarm)).status).toBe(200);
  const read = async () =>
    (await (await admin.get(`/api/v1/fleet?project=${PROJECT}`)).json()) as {
      devices: { alarms: { row: number; sentence: string; seenBy: string | null }[] }[];
    };
  const [device] = (await read()).devices;
  expect(device?.alarms).toMatchObject([{ sentence: "The images have become darker.", seenBy: null }]);
  expect((await admin.send("POST", `/api/v1/drift-alarms/${device?.alarms[0]?.row}/seen`)).status).toBe(200);
  expect((await read()).devices[0]?.alarms).toMatchObject([{ seenBy: "admin" }]);
});

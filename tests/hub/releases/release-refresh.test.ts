import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ReleaseDesk } from "../../../src/hub/releases/release-desk.ts";
import { ReleaseKeeper } from "../../../src/hub/releases/release-keeper.ts";
import { openDatabase } from "../../../src/hub/store/database.ts";
import { FolderStore } from "../../../src/hub/store/folder-store.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { createReleases } from "../../../src/release/key-ceremony.ts";
import { publishReleases } from "../../../src/release/publish-release.ts";
import { ReleasePolicy, RepositoryFolder } from "../../../src/release/repository-folder.ts";
import { readKeys } from "../../../src/release/signing-keys.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { HubUnderTest, temporaryFolder } from "../support/running-hub.ts";

const HALF_MINUTE = 30_000;

async function repositoryAt(now: number) {
  const folder = temporaryFolder();
  const [directory, people, keys] = [join(folder, "releases"), join(folder, "people"), join(folder, "online")];
  const releases = new RepositoryFolder(directory);
  await createReleases({ folder: releases, keysPath: people, passphrase: null, now }, ReleasePolicy.parse({}), [
    "tiles",
  ]);
  await publishReleases({ folder: releases, keys: await readKeys(people, null), now, orders: null });
  mkdirSync(keys);
  for (const name of readdirSync(people))
    if (/^(snapshot|timestamp|director)-/.test(name)) cpSync(join(people, name), join(keys, name));
  return { folder, releases, directory, keys };
}

test("a hub's timer signs anew before expiry; of two hubs that find it due one does", async () => {
  const clock = new FakeClock();
  const { folder, releases, directory, keys } = await repositoryAt(clock.wallNow());
  const database = await openDatabase({ engine: "sqlite", path: join(folder, "hub.sqlite") });
  const models = new FolderStore(join(folder, "models"));
  const desks = [1, 2].map(() => new ReleaseDesk({ directory, keys, passphrase: null }, clock));
  const [one, other] = desks;
  if (one === undefined || other === undefined) throw new Error("two desks were made");
  const keeper = new ReleaseKeeper({ database, models, desk: one, clock, everyMs: HALF_MINUTE, log: silentLogger });
  const version = async () => (await releases.timestamp("catalogue"))?.signed.version ?? 0;
  const expiry = async () => Date.parse((await releases.timestamp("catalogue"))?.signed.expires ?? "");
  const first = await version();
  await keeper.start();
  await expect.poll(() => clock.pendingTimers, { timeout: 10_000 }).toBe(1);
  expect(await version()).toBe(first);

  const life = (await expiry()) - clock.wallNow();
  await clock.advance(0.6 * life);
  await expect.poll(version, { timeout: 10_000 }).toBe(first + 1);
  expect((await expiry()) - clock.wallNow()).toBeGreaterThan(0.9 * life);
  await expect.poll(() => clock.pendingTimers, { timeout: 10_000 }).toBe(1);
  await keeper.stop();

  await clock.advance(0.6 * life);
  const outcomes = await Promise.allSettled([one.refresh(), other.refresh()]);
  expect(outcomes.filter((each) => each.status === "fulfilled" && each.value)).toHaveLength(1);
  expect(await other.refresh()).toBe(false);
  expect(await version()).toBe(first + 2);
  await database.close();
});

test("anybody who reaches a hub reads its releases without a session, and nothing beside them", async () => {
  const { directory, keys } = await repositoryAt(Date.now());
  const hub = await HubUnderTest.start({ training: { workers: 0 }, releases: { directory, keys } });
  for (const file of ["catalogue/metadata/timestamp.json", "director/metadata/1.root.json"]) {
    const answer = await hub.fetch(`/releases/${file}`);
    expect([file, answer.status]).toEqual([file, 200]);
    expect(await answer.json()).toHaveProperty("signatures");
  }
  for (const file of ["policy.json", "staged/", "catalogue/", "..%2fonline/", "changing.lock"])
    expect((await hub.fetch(`/releases/${file}`)).status, file).toBeGreaterThanOrEqual(400);
});

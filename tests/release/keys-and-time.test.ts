import { readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { MetaFile, Metadata, Targets, Timestamp } from "@tufjs/models";
import { afterEach, beforeEach, expect, test } from "vitest";
import { addProduct, renewRole, rotateKeys } from "../../src/release/key-ceremony.ts";
import { readPending, signPending } from "../../src/release/pending.ts";
import { publishReleases } from "../../src/release/publish-release.ts";
import { makeKey, readKeys } from "../../src/release/signing-keys.ts";
import { DAY, Plant, PRODUCT, SetClock, START } from "./support/plant.ts";
import { replacing } from "./support/static-server.ts";

let plant: Plant;

beforeEach(async () => {
  plant = new Plant();
  await plant.start();
});
afterEach(() => plant.stop());

test.each(["root", "targets", "snapshot", "timestamp", "director", "product-tile"])(
  "keys of %s are replaced, and devices follow",
  async (role) => {
    await plant.release("1.0.0");
    const device = plant.device();
    await device.check(PRODUCT);
    await rotateKeys(plant.ceremony(), role);
    await plant.publish(null);
    expect(await device.check(PRODUCT)).toMatchObject({ outcome: "nothing-new" });
    await plant.release("1.1.0");
    expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", release: { version: "1.1.0" } });
    expect(await plant.device({ home: "new-born" }).check(PRODUCT)).toMatchObject({ outcome: "installed" });
  },
);

test("a new root counts at once, even where what follows it is refused: the old keys are out of use", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  const oldKeys = await plant.remember("before");
  await rotateKeys(plant.ceremony(), "timestamp");
  await plant.publish(null);
  plant.server.hook = replacing(/timestamp\.json$/, () => Buffer.from("{}"));
  expect(await device.check(PRODUCT)).toMatchObject({ code: "METADATA_DAMAGED" });
  plant.server.hook = null;
  plant.server.root = oldKeys;
  expect(await device.check(PRODUCT)).toMatchObject({ code: "METADATA_UNSIGNED" });
});

test("a root signed only by its new keys, or only by the old ones, is refused", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  await rotateKeys(plant.ceremony(), "root");
  const root = await plant.folder.stagedRoot("catalogue");
  if (root === null) throw new Error("no root");
  for (const old of [true, false]) {
    const before = (await plant.folder.root("catalogue"))?.signed.roles["root"]?.keyIDs ?? [];
    const some = new Metadata(root.signed, { ...root.signatures });
    for (const id of Object.keys(some.signatures)) if (before.includes(id) === old) delete some.signatures[id];
    writeFileSync(join(plant.repositoryPath, "catalogue/metadata/2.root.json"), JSON.stringify(some.toJSON()));
    expect(await device.check(PRODUCT)).toMatchObject({
      code: "METADATA_UNSIGNED",
      sentence: /catalogue's 2\.root\.json lacks valid signatures .*0\/2 keys/,
    });
  }
});

test("thresholds: one of two holders is not enough, the second completes it, and publishing waits for that", async () => {
  const all = await plant.keys();
  const [first, second] = ["product-tile-1", "product-tile-2"].map((name) => all.filter((key) => key.name === name));
  await plant.sign("1.0.0", { keys: first ?? [] });
  expect(await readPending(plant.folder)).toMatchObject([{ missing: 1, signed: "1 of 2" }]);
  await expect(plant.publish("1.0.0")).rejects.toThrow(/catalogue\/product-tile has 1 of 2 signatures, 1 more needed/);
  await signPending(plant.folder, first ?? []);
  await expect(plant.publish("1.0.0")).rejects.toThrow(/1 more needed/);
  await signPending(plant.folder, second ?? []);
  await plant.publish("1.0.0");
  expect(await plant.device().check(PRODUCT)).toMatchObject({ outcome: "installed" });
});

test("a device counts signatures itself: a release published with one of two is refused", async () => {
  await plant.sign("1.0.0", { keys: (await plant.keys()).filter(({ name }) => name === "product-tile-1") });
  const name = { repository: "catalogue", role: "product-tile" } as const;
  const staged = await plant.folder.stagedTargets(name);
  if (staged === null) throw new Error("nothing staged");
  await plant.folder.publish(name, staged);
  await plant.folder.unstage(name);
  await plant.publish("1.0.0");
  expect(await plant.device().check(PRODUCT)).toMatchObject({
    code: "METADATA_UNSIGNED",
    sentence: /product-tile.*was signed by 1\/2 keys/,
  });
});

test("a hub key that ran all counters to the end of time is replaced, and devices come back", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  const keys = await plant.keys();
  const far = { specVersion: "1.0.31", expires: "9000-01-01T00:00:00Z" };
  const sign = async (role: "targets" | "timestamp", metadata: Metadata<Targets> | Metadata<Timestamp>) => {
    for (const key of keys.filter(({ name }) => name === "director-1")) metadata.sign((bytes) => key.sign(bytes));
    await plant.folder.publish({ repository: "director", role }, metadata);
  };
  const last = await plant.folder.targets({ repository: "director", role: "targets" });
  if (last === null) throw new Error("no director");
  const targets = Targets.fromJSON(
    JSON.parse(
      JSON.stringify({ ...last.signed.toJSON(), ...{ version: 1_000_000, expires: far.expires } }).replace(
        '"order":1',
        '"order":9007199254740990',
      ),
    ),
  );
  await sign("targets", new Metadata(targets));
  await publishReleases({ folder: plant.folder, keys, now: plant.clock.now, orders: null });
  const snapshot = await plant.folder.snapshot("director");
  const described = await plant.folder.describe(
    { repository: "director", role: "snapshot" },
    snapshot?.signed.version ?? 0,
  );
  await sign(
    "timestamp",
    new Metadata(
      new Timestamp({
        ...far,
        version: 2_000_000_000,
        snapshotMeta: new MetaFile(described),
        unrecognizedFields: { "x-issued-at": Date.UTC(2026, 5, 1, 20) },
      }),
    ),
  );
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", release: { order: 9007199254740990 } });
  // The plant finds out, restores its own state and replaces the key under the offline root.
  await plant.folder.publish(
    { repository: "director", role: "targets" },
    new Metadata(new Targets({ ...far, version: 1_000_002 })),
  );
  await rotateKeys(plant.ceremony(), "director");
  await plant.release("1.1.0");
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", release: { version: "1.1.0", order: 1 } });
});

test("a time that a thief pushed to the far future falls with the key that vouched for it", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  // Both online keys stolen and the clock of the device led astray: everything signed to last until 9000.
  const policy = await plant.folder.policy();
  await plant.folder.writePolicy({
    ...policy,
    days: { root: 3650, targets: 3650, product: 3650, snapshot: 3650, timestamp: 3650, director: 3650 },
  });
  for (const role of ["root", "targets", "product-tile"]) await renewRole(plant.ceremony(), role);
  await plant.publish(null);
  plant.clock.now = START + 3000 * DAY;
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "nothing-new" });
  await plant.folder.writePolicy(policy);
  plant.clock.now = START;
  await plant.publish(null);
  expect(await device.check(PRODUCT)).toMatchObject({ code: "METADATA_EXPIRED", clockBehindMs: 3000 * DAY });
  await rotateKeys(plant.ceremony(), "timestamp");
  await rotateKeys(plant.ceremony(), "director");
  await plant.release("1.1.0");
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", clockBehindMs: 0 });
});

test("a clock of 1970 neither opens nor freezes the gate", async () => {
  await plant.release("1.0.0");
  const clock = new SetClock(0);
  const device = plant.device({ clock });
  const first = await device.check(PRODUCT);
  expect(first).toMatchObject({ outcome: "installed", clockBehindMs: START });
  const frozen = await plant.remember("frozen");
  plant.clock.now += 3 * DAY;
  await plant.release("1.1.0");
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", clockBehindMs: START + 3 * DAY });
  // What had expired by then stays expired, whatever the clock says, also where versions would allow it.
  plant.server.root = frozen;
  expect(await plant.device({ clock }).check(PRODUCT)).toMatchObject({ outcome: "refused" });
});

test("a catalogue that is held back while the director goes on expires by the director's time", async () => {
  await plant.release("1.0.0");
  const clock = new SetClock(0);
  const device = plant.device({ clock });
  await device.check(PRODUCT);
  const old = await plant.remember("old");
  plant.clock.now += 3 * DAY;
  await plant.release("1.1.0");
  plant.server.hook = replacing(/catalogue\/metadata\/timestamp\.json$/, () =>
    readFileSync(join(old, "catalogue/metadata/timestamp.json")),
  );
  expect(await device.check(PRODUCT)).toMatchObject({
    code: "METADATA_EXPIRED",
    sentence:
      /catalogue's timestamp\.json has expired: it is 2026-06-04T00:00:00\.000Z or later, though this device's clock says less: set it/,
  });
});

test("a clock that jumps back updates by the time it has known", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  plant.clock.now += 5 * DAY;
  await plant.publish(null);
  await device.check(PRODUCT);
  plant.clock.now -= 4 * DAY;
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "nothing-new", clockBehindMs: 4 * DAY });
});

test("a clock far ahead stops updates while it is, and leaves nothing behind", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  await plant.release("1.1.0");
  plant.clock.now += 20 * 365 * DAY;
  expect(await device.check(PRODUCT)).toMatchObject({ code: "METADATA_EXPIRED" });
  plant.clock.now -= 20 * 365 * DAY;
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", clockBehindMs: 0 });
});

test("a hub whose clock runs ahead is stopped by its own tool, and not believed by devices that know better", async () => {
  await plant.release("1.0.0");
  const [keys, right] = [await plant.keys(), plant.clock.now];
  const synced = plant.device({ clockSynced: () => true });
  await synced.check(PRODUCT);
  const publishAt = (now: number) => publishReleases({ folder: plant.folder, keys, now, orders: null });
  await expect(publishAt(right + 100 * DAY)).rejects.toThrow(
    /100 days ago; if the clock is right, publish with --after-pause/,
  );
  await publishAt(right + 10 * DAY);
  expect(await synced.check(PRODUCT)).toMatchObject({ outcome: "nothing-new", clockBehindMs: 0 });
  await expect(publishAt(right)).rejects.toThrow(
    /but this machine's clock says 2026-06-01.*set the clock, nothing was published/,
  );
});

test("what was signed over an older state is not published", async () => {
  await plant.sign("1.0.0");
  const name = { repository: "catalogue", role: "product-tile" } as const;
  const stale = await plant.folder.stagedTargets(name);
  await plant.publish("1.0.0");
  if (stale !== null) await plant.folder.stage(name, stale);
  await expect(plant.publish(null)).rejects.toThrow(
    /staged as version 2, but 3 is next: it was signed over an older state/,
  );
});

test("roles are renewed with the same keys, and a product is added", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  plant.clock.now += 100 * DAY;
  for (const role of ["root", "targets", "product-tile"]) await renewRole(plant.ceremony(), role);
  await addProduct(plant.ceremony(), "board");
  await plant.publish(null);
  plant.clock.now += 170 * DAY;
  await plant.publish(null);
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "nothing-new" });
  await expect(addProduct(plant.ceremony(), "board")).rejects.toThrow(/has its keys already/);
  await expect(addProduct(plant.ceremony(), "../evil")).rejects.toThrow(/lower-case letters/);
  await expect(rotateKeys(plant.ceremony(), "nobody")).rejects.toThrow(/there is no role nobody/);
});

test("one product's keys cannot sign for another", async () => {
  await addProduct(plant.ceremony(), "board");
  await plant.publish(null);
  await plant.sign("1.0.0", { keys: (await plant.keys()).filter(({ name }) => name.startsWith("product-board")) });
  await expect(plant.publish("1.0.0")).rejects.toThrow(/catalogue\/product-tile has 0 of 2 signatures/);
});

test("key files are private, and encrypted ones open with their passphrase only", async () => {
  const folder = join(plant.path, "locked");
  await makeKey(folder, "root-1", "correct horse");
  const path = join(folder, "root-1.key.json");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "utf8")).not.toContain("pkcs8");
  const [right] = await readKeys(folder, "correct horse");
  expect(right?.sign(Buffer.from("x")).sig).toMatch(/^[0-9a-f]{128}$/);
  const [wrong] = await readKeys(folder, "battery staple");
  expect(() => wrong?.sign(Buffer.from("x"))).toThrow(/does not open with this passphrase/);
  const [none] = await readKeys(folder, null);
  expect(() => none?.sign(Buffer.from("x"))).toThrow(/is encrypted; give --passphrase-file/);
  await expect(makeKey(folder, "root-1", null)).rejects.toThrow(/keys are never overwritten/);
});

test("offline keys are not needed to publish, and online keys cannot sign releases", async () => {
  const offline = join(plant.path, "safe");
  await mkdir(offline);
  for (const file of await readdir(plant.keysPath)) {
    if (/^(root|targets|product)/.test(file)) await rename(join(plant.keysPath, file), join(offline, file));
  }
  await plant.sign("1.0.0", { keys: await readKeys(offline, null) });
  await plant.publish("1.0.0");
  expect((await plant.device().check(PRODUCT)).outcome).toBe("installed");
  await plant.sign("1.1.0");
  await expect(plant.publish("1.1.0")).rejects.toThrow(/product-tile has 0 of 2 signatures, 2 more needed/);
  await expect(
    publishReleases({ folder: plant.folder, keys: await readKeys(offline, null), now: START, orders: null }),
  ).rejects.toThrow(/the snapshot key of today is not among --keys; nothing was published/);
});

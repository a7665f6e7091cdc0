import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Metadata, MetadataKind, MetaFile, Snapshot, TargetFile, Targets, Timestamp } from "@tufjs/models";
import { afterEach, beforeEach, expect, test } from "vitest";
import { publishReleases } from "../../src/release/publish-release.ts";
import type { RefusalCode } from "../../src/release/refusal.ts";
import type { ReleaseClient } from "../../src/release/release-client.ts";
import { readKeys, type SigningKey } from "../../src/release/signing-keys.ts";
import { DAY, fileEntry, LINE, Plant, PRODUCT } from "./support/plant.ts";
import { replacing, serveFile } from "./support/static-server.ts";

let plant: Plant;
let device: ReleaseClient;

/** Every device here runs 1.0.0 already: whatever is refused, that stays. */
beforeEach(async () => {
  plant = new Plant();
  await plant.start();
  device = plant.device();
  await plant.release("1.0.0");
  expect((await device.check(PRODUCT)).outcome).toBe("installed");
});
afterEach(() => plant.stop());

async function refused(code: RefusalCode, sentence: RegExp, asked = device): Promise<void> {
  const result = await asked.check(PRODUCT);
  expect(result).toMatchObject({ outcome: "refused", code });
  expect(result.outcome === "refused" ? result.sentence : "").toMatch(sentence);
  expect(await device.installed(PRODUCT)).toMatchObject({ release: { version: "1.0.0" } });
}

async function recovers(version = "1.1.0"): Promise<void> {
  plant.server.hook = null;
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", release: { version } });
}

const flip = (at: number) => (bytes: Buffer) => {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
};

test("a flipped bit in a file", async () => {
  await plant.release("1.1.0");
  plant.server.hook = replacing(/weights\.bin$/, flip(100_000));
  await refused("FILE_DAMAGED", /weights\.bin arrived with other content than was signed/);
  await recovers();
});

test("a flipped bit in signed metadata, in its text and in its signature", async () => {
  await plant.release("1.1.0");
  plant.server.hook = replacing(/director\/metadata\/timestamp\.json$/, (bytes) =>
    Buffer.from(bytes.toString().replace(/"expires": "2/, '"expires": "3')),
  );
  await refused("METADATA_UNSIGNED", /director's timestamp\.json lacks valid signatures .*0\/1 keys/);
  plant.server.hook = replacing(/catalogue\/metadata\/timestamp\.json$/, (bytes) =>
    Buffer.from(bytes.toString().replace(/"sig": "./, '"sig": "x')),
  );
  await refused("METADATA_UNSIGNED", /catalogue's timestamp\.json/);
  plant.server.hook = replacing(/timestamp\.json$/, () => Buffer.from("<html>no</html>"));
  await refused("METADATA_DAMAGED", /timestamp\.json cannot be read as signed metadata/);
  await recovers();
});

test("older states: of timestamps, of snapshots under a newer timestamp, of targets under a newer snapshot", async () => {
  const old = await plant.remember("old");
  await plant.publish(null);
  expect((await device.check(PRODUCT)).outcome).toBe("nothing-new");
  plant.server.root = old;
  await refused("METADATA_ROLLED_BACK", /timestamp version 2 is less than current version 3.*server/);
  plant.server.root = plant.repositoryPath;

  const keys = await plant.keys();
  const snapshot = readMetadata(plant.metadataFile("catalogue", /snapshot/), MetadataKind.Snapshot);
  const timestampWith = (version: number, file: string): Metadata<Timestamp> =>
    signedBy(
      keys,
      "timestamp",
      new Timestamp({
        specVersion: "1.0.31",
        version,
        expires: snapshot.signed.expires,
        snapshotMeta: new MetaFile({
          version: readMetadata(file, MetadataKind.Snapshot).signed.version,
          ...lengthAndHash(file),
        }),
      }),
    );
  const timestampFile = plant.metadataFile("catalogue", /timestamp/);
  writeMetadata(timestampFile, timestampWith(90, plant.metadataFile("catalogue", /^2\.snapshot/)));
  await refused("METADATA_ROLLED_BACK", /snapshot version 2 is less than current version 3/);

  const older = new Snapshot({
    specVersion: "1.0.31",
    version: 91,
    expires: snapshot.signed.expires,
    meta: { ...snapshot.signed.meta, "product-tile.json": new MetaFile({ version: 1 }) },
  });
  const snapshotFile = join(plant.repositoryPath, "catalogue/metadata/91.snapshot.json");
  writeMetadata(snapshotFile, signedBy(keys, "snapshot", older));
  writeMetadata(timestampFile, timestampWith(91, snapshotFile));
  await refused("METADATA_ROLLED_BACK", /New version 1 of product-tile\.json is less than current version 2/);
});

test("an older release ordered again by a stolen hub key", async () => {
  await plant.release("1.1.0");
  const newer = plant.device({ home: "newer" });
  expect((await newer.check(PRODUCT)).outcome).toBe("installed");
  await plant.publish("1.0.0");
  const result = await newer.check(PRODUCT);
  expect(result).toMatchObject({ outcome: "refused", code: "RELEASE_ROLLED_BACK" });
  expect(result).toMatchObject({ sentence: /tiny 1\.0\.0 is release 1 of tile, but this device has had release 2/ });
});

test("expired metadata: frozen server, first the timestamp, then all of it", async () => {
  await plant.release("1.1.0");
  plant.clock.now += 1.5 * DAY;
  await refused(
    "METADATA_EXPIRED",
    /timestamp\.json has expired \(it is 2026-06-02T12:00:00\.000Z here\).*inspection goes on/,
  );
  plant.clock.now += 400 * DAY;
  await refused("METADATA_EXPIRED", /root\.json has expired/);
});

test("metadata and roots signed with keys nobody trusts", async () => {
  const other = new Plant();
  await other.start();
  try {
    await other.release("1.1.0");
    await other.publish(null);
    plant.server.root = other.repositoryPath;
    await refused("METADATA_UNSIGNED", /catalogue's timestamp\.json lacks valid signatures of enough trusted keys/);
    const forged = Metadata.fromJSON(
      MetadataKind.Root,
      JSON.parse(
        readFileSync(other.metadataFile("catalogue", /1\.root/), "utf8").replace(
          '"version": 1,\n  "expires"',
          '"version": 2,\n  "expires"',
        ),
      ),
    );
    const resigned = signedBy(await other.keys(), "root", forged.signed);
    writeMetadata(join(other.repositoryPath, "catalogue/metadata/2.root.json"), resigned);
    await refused("METADATA_UNSIGNED", /catalogue's 2\.root\.json lacks valid signatures/);
  } finally {
    await other.stop();
  }
});

test("states mixed together", async () => {
  const old = await plant.remember("old");
  await plant.release("1.1.0");
  const oldProduct = readFileSync(join(old, "catalogue/metadata/2.product-tile.json"));
  plant.server.hook = replacing(/3\.product-tile\.json$/, () => oldProduct);
  await refused(
    "METADATA_MIXED",
    /catalogue's 3\.product-tile\.json does not belong to the state that was signed with it/,
  );
  const oldSnapshot = readFileSync(join(old, "catalogue/metadata/2.snapshot.json"));
  plant.server.hook = replacing(/catalogue\/metadata\/\d+\.snapshot\.json$/, () => oldSnapshot);
  await recovers();
  await plant.release("1.2.0");
  plant.server.hook = replacing(/catalogue\/metadata\/\d+\.snapshot\.json$/, () => oldSnapshot);
  const result = await device.check(PRODUCT);
  expect(result).toMatchObject({
    outcome: "refused",
    code: "METADATA_MIXED",
    sentence: /snapshot\.json does not belong/,
  });
  await recovers("1.2.0");
});

test("a download that is cut off goes on where it ended, in one check, after restarts too", async () => {
  await plant.sign("1.1.0", {}, 1_000_000);
  await plant.publish("1.1.0");
  const cutAfter = (bytes: number) => {
    plant.server.hook = (request, response, path) => {
      if (!path.endsWith("weights.bin")) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0);
      const all = readFileSync(path);
      response.writeHead(start > 0 ? 206 : 200, {
        "content-length": all.length - start,
        "content-range": `bytes ${start}-${all.length - 1}/${all.length}`,
      });
      response.write(all.subarray(start, start + bytes), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
  };
  const once = plant.device({ downloadTries: 1 });
  cutAfter(300_000);
  await refused("DOWNLOAD_TRUNCATED", /weights\.bin ended after \d+ of 1000000 bytes.*goes on from there/, once);
  const [part] = await readdir(join(plant.path, "device/downloads"));
  const have = (await stat(join(plant.path, "device/downloads", part ?? ""))).size;
  expect(have).toBeGreaterThan(0);
  plant.server.requests.length = 0;
  cutAfter(400_000);
  expect((await plant.device().check(PRODUCT)).outcome).toBe("installed");
  const ranges = plant.server.requests.filter(({ path }) => path.endsWith("weights.bin")).map(({ range }) => range);
  expect(ranges[0]).toBe(`bytes=${have}-`);
  expect(ranges.length).toBeGreaterThan(1);
});

test("a resumed file whose first half was poisoned is fetched anew", async () => {
  await plant.sign("1.1.0", {}, 1_000_000);
  await plant.publish("1.1.0");
  plant.server.hook = (_request, response, path) => {
    if (!path.endsWith("weights.bin")) return false;
    response.writeHead(200, { "content-length": 1_000_000 });
    response.write(Buffer.alloc(200_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  const once = plant.device({ downloadTries: 1 });
  await refused("DOWNLOAD_TRUNCATED", /ended after/, once);
  await recovers();
});

test("metadata without end, and metadata longer than its kind may be", async () => {
  await plant.release("1.1.0");
  let sent = 0;
  plant.server.hook = (_request, response, path) => {
    if (!path.endsWith("director/metadata/timestamp.json")) return false;
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(4096, 32))) sent += 4096;
      response.once("drain", more);
    };
    more();
    return true;
  };
  await refused("METADATA_ENDLESS", /director\/metadata\/timestamp\.json is longer than the 16384 bytes it may have/);
  expect(sent).toBeLessThan(20_000_000);
  plant.server.hook = (_request, response, path) => {
    if (!path.endsWith("2.root.json")) return false;
    response.end(Buffer.alloc(600_000, 32));
    return true;
  };
  await refused("METADATA_ENDLESS", /2\.root\.json is longer than the 512000/);
  await recovers();
});

test("a file longer than was signed, and a bundle larger than the device takes", async () => {
  await plant.release("1.1.0");
  plant.server.hook = replacing(/weights\.bin$/, (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]));
  await refused("FILE_OVERSIZED", /weights\.bin goes on after the 200000 bytes that were signed/);
  plant.server.hook = null;
  await refused(
    "BUNDLE_TOO_LARGE",
    /tiny 1\.1\.0 has \d+ bytes, more than the 100000/,
    plant.device({ maxBundleBytes: 100_000 }),
  );
  await recovers();
});

test("a server that drips, and one that never answers", async () => {
  await plant.release("1.1.0");
  plant.server.hook = (_request, response, path) => {
    if (!path.endsWith("weights.bin")) return false;
    response.writeHead(200, { "content-length": 200_000 });
    const timer = setInterval(() => response.write("x"), 20);
    response.on("close", () => clearInterval(timer));
    return true;
  };
  await refused("TRANSFER_TOO_SLOW", /weights\.bin sent \d+ bytes in 0\.4 s, which is too slow/);
  plant.server.hook = (_request, _response, path) => path.endsWith("timestamp.json");
  await refused("TRANSFER_TOO_SLOW", /timestamp\.json did not answer within 0\.4 s/);
  await recovers();
});

test("a release signed for another line, and one of another product", async () => {
  await plant.release("1.1.0", { lines: ["acme/berlin/hall-2/line-2"] });
  await refused("WRONG_LINE", /signed for acme\/berlin\/hall-2\/line-2, not for acme\/berlin\/hall-2\/line-1/);
  await forgeOrder((target) => ({ ...target, target: "models/board/tiny/1.1.0/manifest.json" }));
  await refused("WRONG_PRODUCT", /a release of board is not for tile/);
});

test("a manifest that lists a file otherwise than it was signed, though both are signed", async () => {
  const bundle = await plant.bundle("1.1.0");
  const terms = await plant.terms();
  const { signBundle } = await import("../../src/release/sign-release.ts");
  await signBundle(bundle, terms);
  // Two key holders who were fooled: the manifest is signed, and lists another hash than its file's target.
  await plant.editManifest(bundle, (manifest) => {
    manifest.files["weights.bin"] = { sha256: "0".repeat(64), bytes: 200_000 };
  });
  await restageManifest(bundle, "1.1.0");
  await plant.publish("1.1.0");
  await refused("MANIFEST_LIES", /lists weights\.bin with another hash or length than was signed for it/);
  await plant.editManifest(bundle, (manifest) => {
    manifest.files["extra.bin"] = { sha256: "0".repeat(64), bytes: 1 };
  });
  await restageManifest(bundle, "1.1.0");
  await plant.publish("1.1.0");
  await refused("MANIFEST_LIES", /weights\.bin|extra\.bin, which nobody signed/);
  await plant.editManifest(bundle, (manifest) => {
    manifest.files = { "../../../etc/passwd": { sha256: "0".repeat(64), bytes: 1 } };
  });
  await restageManifest(bundle, "1.1.0");
  await plant.publish("1.1.0");
  await refused("MANIFEST_LIES", /"\.\.\/\.\.\/\.\.\/etc\/passwd", which is no name/);
});

test("an order of the director that was carried out before is not carried out again", async () => {
  const old = await plant.remember("old");
  await plant.release("1.1.0");
  expect((await device.check(PRODUCT)).outcome).toBe("installed");
  cpSync(join(old, "director"), join(plant.repositoryPath, "director"), { recursive: true });
  const result = await device.check(PRODUCT);
  expect(result).toMatchObject({ outcome: "refused", code: "METADATA_ROLLED_BACK" });
  // With the hub's key the thief signs the old order into a new state.
  await plant.publish(null);
  await forgeOrder((order) => ({ ...order, order: 1, target: "models/tile/tiny/1.0.0/manifest.json" }), 9);
  expect(await device.check(PRODUCT)).toMatchObject({
    outcome: "refused",
    code: "ORDER_REPLAYED",
    sentence: /is order 1, but order 2 was carried out before/,
  });
});

test("a stolen hub key cannot ship what the catalogue never signed", async () => {
  await forgeOrder((order) => ({ ...order, order: 50, target: "models/tile/tiny/6.6.6/manifest.json" }));
  await refused(
    "NOT_IN_CATALOGUE",
    /tiny\/6\.6\.6\/manifest\.json, which the keys of product-tile never signed: suspect the hub/,
  );
  await forgeOrder(
    (order) => ({ ...order, order: 51, target: "models/tile/tiny/1.0.0/manifest.json" }),
    60,
    "f".repeat(64),
  );
  await refused("ORDER_DISAGREES", /with another content than the catalogue signed: suspect the hub/);
  await forgeOrder(() => ({ nonsense: true }), 70);
  await refused("ORDER_INVALID", /is no order/);
});

test("two releases under one number", async () => {
  await plant.sign("1.1.0");
  const staged = await plant.folder.stagedTargets({ repository: "catalogue", role: "product-tile" });
  const path = "models/tile/tiny/1.1.0/manifest.json";
  const target = staged?.signed.targets[path];
  if (staged === null || target === undefined) throw new Error("nothing staged");
  staged.signed.addTarget(
    new TargetFile({ ...target, path, unrecognizedFields: { custom: { ...target.custom, release: 1 } as never } }),
  );
  await restage(staged.signed);
  await plant.publish("1.1.0");
  await refused("RELEASE_NUMBER_REUSED", /has had another release with that number/);
});

test("nothing there, and nobody there", async () => {
  plant.server.root = join(plant.path, "nowhere");
  await refused("METADATA_MISSING", /timestamp\.json was answered with HTTP status 404/);
  await plant.server.stop();
  await refused("UNREACHABLE", /cannot be reached: .*ECONNREFUSED/);
});

test("a server fault is no missing file, not for a root either", async () => {
  plant.server.hook = (_request, response, path) => {
    if (!path.endsWith("2.root.json")) return false;
    response.writeHead(500).end();
    return true;
  };
  await refused("UNREACHABLE", /2\.root\.json was answered with HTTP status 500/);
  plant.server.hook = (request, response, path) => {
    serveFile(request, response, path);
    return true;
  };
  expect((await device.check(PRODUCT)).outcome).toBe("nothing-new");
});

test("a disk that is full or forbidden is said, and changes nothing", async () => {
  await plant.release("1.1.0");
  await rm(join(plant.path, "device/downloads"), { recursive: true, force: true });
  writeFileSync(join(plant.path, "device/downloads"), "");
  const result = await device.check(PRODUCT);
  expect(result).toMatchObject({ outcome: "refused", code: "STORAGE_FAILED" });
});

function readMetadata(path: string, kind: MetadataKind.Snapshot): Metadata<Snapshot> {
  return Metadata.fromJSON(kind, JSON.parse(readFileSync(path, "utf8")));
}

const writeMetadata = (path: string, metadata: { toJSON(): object }): void =>
  writeFileSync(path, JSON.stringify(metadata.toJSON()));

const lengthAndHash = (path: string) => {
  const { sha256, bytes } = fileEntry(path);
  return { length: bytes, hashes: { sha256 } };
};

function signedBy<T extends ConstructorParameters<typeof Metadata>[0]>(
  keys: readonly SigningKey[],
  name: string,
  signed: T,
): Metadata<T> {
  const metadata = new Metadata<T>(signed);
  for (const key of keys.filter((each) => each.name.startsWith(`${name}-`))) metadata.sign((bytes) => key.sign(bytes));
  return metadata;
}

/** What a thief with the hub's key can do: any order, in a valid new state of the director. */
async function forgeOrder(
  change: (order: Record<string, unknown>) => object,
  skip = 5,
  sha256?: string,
): Promise<void> {
  const keys = await readKeys(plant.keysPath, null);
  const last = await plant.folder.targets({ repository: "director", role: "targets" });
  if (last === null) throw new Error("no director");
  const path = `orders/line/${encodeURIComponent(LINE)}/tile`;
  const order = last.signed.targets[path];
  if (order === undefined) throw new Error("no order");
  const targets = new Targets({
    specVersion: "1.0.31",
    version: last.signed.version + skip,
    expires: last.signed.expires,
    targets: {
      [path]: new TargetFile({
        path,
        length: order.length,
        hashes: sha256 === undefined ? order.hashes : { sha256 },
        unrecognizedFields: { custom: change({ ...order.custom }) as never },
      }),
    },
  });
  await plant.folder.publish({ repository: "director", role: "targets" }, signedBy(keys, "director", targets));
  await publishReleasesKeepingTargets(keys);
}

/** Snapshot and timestamp of the director over the forged targets. */
async function publishReleasesKeepingTargets(keys: readonly SigningKey[]): Promise<void> {
  await publishReleases({ folder: plant.folder, keys, now: plant.clock.now, orders: null });
}

async function restageManifest(bundle: string, version: string): Promise<void> {
  const name = { repository: "catalogue", role: "product-tile" } as const;
  const upcoming = (await plant.folder.stagedTargets(name)) ?? (await plant.folder.targets(name));
  const path = `models/tile/tiny/${version}/manifest.json`;
  const target = upcoming?.signed.targets[path];
  if (upcoming === null || target === undefined) throw new Error("nothing signed");
  const { sha256, bytes } = fileEntry(join(bundle, "manifest.json"));
  upcoming.signed.addTarget(
    new TargetFile({ path, length: bytes, hashes: { sha256 }, unrecognizedFields: target.unrecognizedFields }),
  );
  cpSync(
    join(bundle, "manifest.json"),
    join(plant.repositoryPath, `catalogue/targets/models/tile/tiny/${version}/${sha256}.manifest.json`),
  );
  await restage(upcoming.signed);
}

async function restage(signed: Targets): Promise<void> {
  const name = { repository: "catalogue", role: "product-tile" } as const;
  const version = ((await plant.folder.targets(name))?.signed.version ?? 0) + 1;
  const next = Targets.fromJSON({ ...signed.toJSON(), version });
  await plant.folder.stage(name, signedBy(await plant.keys(), "product-tile", next));
}

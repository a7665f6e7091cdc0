import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import S3rver from "s3rver";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FolderStore } from "../../../src/hub/store/folder-store.ts";
import type { HashedFile, ObjectStore } from "../../../src/hub/store/object-store.ts";
import { S3Store } from "../../../src/hub/store/s3-store.ts";
import { CREDENTIALS, StrictS3 } from "../support/strict-s3.ts";

const folder = await mkdtemp(join(tmpdir(), "sightline-objects-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

let written = 0;
async function file(text: string): Promise<HashedFile> {
  const path = join(folder, `incoming-${written++}`);
  await writeFile(path, text);
  return { path, bytes: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") };
}

const textOf = async (stream: Readable | null): Promise<string | null> =>
  stream === null ? null : Buffer.concat(await stream.toArray()).toString();

async function namesIn(store: ObjectStore): Promise<string[]> {
  const names: string[] = [];
  for await (const { sha256 } of store.list()) names.push(sha256);
  return names;
}

/** What every store promises. `damage` changes stored bytes behind its back. */
function keepsItsPromises(open: () => Promise<ObjectStore>, damage: (sha256: string) => Promise<void>): void {
  test("gives back the bytes it was given, and leaves the file to the caller", async () => {
    const store = await open();
    const photo = await file("a photograph");
    await store.put(photo);
    expect(await textOf(await store.get(photo.sha256))).toBe("a photograph");
    expect(await store.has(photo.sha256)).toBe(true);
    expect(await readFile(photo.path, "utf8")).toBe("a photograph");
  });

  test("gives back bytes that came from memory", async () => {
    const store = await open();
    const { sha256, bytes } = await file("never on a disk of ours");
    await store.put({ content: Buffer.from("never on a disk of ours"), sha256, bytes });
    expect(await textOf(await store.get(sha256))).toBe("never on a disk of ours");
  });

  test("takes the same bytes again, also from two at once", async () => {
    const store = await open();
    const photo = await file("twice");
    await Promise.all([store.put(photo), store.put(photo), store.put(await file("twice"))]);
    expect(await textOf(await store.get(photo.sha256))).toBe("twice");
  });

  test("says null and false for what is not there, and removes it without complaint", async () => {
    const store = await open();
    const { sha256 } = await file("never stored");
    expect(await store.get(sha256)).toBeNull();
    expect(await store.has(sha256)).toBe(false);
    await store.remove(sha256);
  });

  test("lists everything in order, with the time", async () => {
    const store = await open();
    const files = await Promise.all(Array.from({ length: 8 }, (_, at) => file(`listed ${at}`)));
    for (const one of files) await store.put(one);
    const names = await namesIn(store);
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(files.map(({ sha256 }) => sha256)));
    for await (const { storedAt } of store.list()) expect(Math.abs(Date.now() - storedAt)).toBeLessThan(120_000);
  });

  test("forgets what is removed", async () => {
    const store = await open();
    const photo = await file("removed");
    await store.put(photo);
    await store.remove(photo.sha256);
    expect(await store.has(photo.sha256)).toBe(false);
    expect(await namesIn(store)).not.toContain(photo.sha256);
  });

  test("ends with an error, not with wrong bytes, and is healed by the next put", async () => {
    const store = await open();
    const photo = await file("sound bytes");
    await store.put(photo);
    await damage(photo.sha256);
    await expect(store.get(photo.sha256).then(textOf)).rejects.toThrow(/other bytes than those of/);
    await store.put(photo);
    expect(await textOf(await store.get(photo.sha256))).toBe("sound bytes");
  });

  test("refuses a name that is no hash", async () => {
    const store = await open();
    await expect(store.get("../../etc/passwd")).rejects.toThrow(/is no SHA-256/);
  });
}

describe("a folder", () => {
  const root = join(folder, "store");
  const open = async (): Promise<FolderStore> => new FolderStore(root);
  const pathOf = (sha256: string): string => join(root, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  keepsItsPromises(open, (sha256) => writeFile(pathOf(sha256), "rotten byte"));

  test("never shows a file that is not whole, and clears away old parts only", async () => {
    const store = await open();
    const photo = await file("short");
    await expect(store.put({ ...photo, bytes: 6 })).rejects.toThrow(/has 5 bytes, not 6/);
    expect(await store.has(photo.sha256)).toBe(false);
    expect(await readdir(join(root, "parts"))).toEqual([]);
    await writeFile(join(root, "parts", "old"), "");
    await writeFile(join(root, "parts", "new"), "");
    await utimes(join(root, "parts", "old"), 1, 1);
    expect(await store.removeParts(Date.now() - 60_000)).toBe(1);
    expect(await readdir(join(root, "parts"))).toEqual(["new"]);
  });

  test("says which disk is at fault", async () => {
    const blocked = join(folder, "blocked");
    await writeFile(blocked, "");
    await chmod(blocked, 0o400);
    await expect(new FolderStore(blocked).put(await file("x"))).rejects.toThrow(
      /blocked cannot store .* check that the disk/,
    );
  });
});

describe("S3, by our strict server", () => {
  let s3: StrictS3;
  beforeAll(async () => void (s3 = await StrictS3.start()));
  beforeEach(() => void Object.assign(s3.moods, { busy: 0, corrupting: 0, conditions: true, opaqueTags: false }));
  afterAll(() => s3.stop());
  const open = async (): Promise<S3Store> =>
    new S3Store({ bucket: "images", region: "eu-1", endpoint: s3.endpoint, prefix: "hub/", credentials: CREDENTIALS });
  const damage = async (sha256: string): Promise<void> => {
    s3.kept.set(`hub/${sha256}`, { body: Buffer.from("rotten byte"), at: new Date() });
  };
  keepsItsPromises(open, damage);

  test("waits for a store that is busy", async () => {
    const store = await open();
    s3.moods.busy = 2;
    const photo = await file("patience");
    await store.put(photo);
    expect(await store.has(photo.sha256)).toBe(true);
  });

  test("notices when the store keeps other bytes than it was sent, and removes them", async () => {
    const store = await open();
    s3.moods.corrupting = 1;
    const photo = await file("flipped");
    await expect(store.put(photo)).rejects.toThrow(/answered 200 and kept other bytes/);
    expect(await store.has(photo.sha256)).toBe(false);
  });

  test("reads back what it cannot judge by the tag", async () => {
    const store = await open();
    s3.moods.opaqueTags = true;
    const photo = await file("encrypted bucket");
    await store.put(photo);
    s3.moods.corrupting = 1;
    await expect(store.put(await file("encrypted bucket, flipped"))).rejects.toThrow(/kept other bytes/);
  });

  test("works without conditions where the store has none", async () => {
    const store = await open();
    s3.moods.conditions = false;
    const photo = await file("an old store");
    await store.put(photo);
    await store.put(photo);
    expect(await textOf(await store.get(photo.sha256))).toBe("an old store");
  });

  test("asks not to overwrite, and believes the store that the bytes are there only when they are", async () => {
    const store = await open();
    const photo = await file("condition");
    await store.put(photo);
    s3.log.length = 0;
    await store.put(photo);
    expect(s3.log).toEqual(["PUT 412", "HEAD 200"]);
  });

  test("says what was refused and what to check", async () => {
    const store = new S3Store({
      bucket: "images",
      region: "eu-1",
      endpoint: s3.endpoint,
      prefix: "",
      credentials: { ...CREDENTIALS, secretAccessKey: "wrong" },
    });
    await expect(store.put(await file("x"))).rejects.toThrow(/cannot store .* in bucket images .* check address, cred/);
  });
});

describe("S3, by s3rver", () => {
  const root = join(folder, "s3rver");
  let server: S3rver;
  let port = 0;
  beforeAll(async () => {
    const configureBuckets = [{ name: "images", configs: [] }];
    server = new S3rver({ port: 0, address: "127.0.0.1", silent: true, directory: root, configureBuckets });
    ({ port } = await server.run());
  });
  afterAll(() => server.close());
  const open = async (): Promise<S3Store> =>
    new S3Store({
      bucket: "images",
      region: "us-east-1",
      endpoint: `http://127.0.0.1:${port}`,
      prefix: "",
      credentials: { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" },
    });
  keepsItsPromises(open, (sha256) => writeFile(join(root, "images", `${sha256}._S3rver_object`), "rotten byte"));
});

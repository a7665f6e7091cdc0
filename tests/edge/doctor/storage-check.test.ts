import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkStorage } from "../../../src/edge/doctor/storage-check.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { configFor } from "./config-for.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-storage-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a folder that can be made is fine, and is not left behind", async () => {
  const finding = await checkStorage(
    configFor(folder, "dataDirectory: a/b\njournal: { maxBytes: 8000000, reserveBytes: 3000000 }"),
    systemClock,
  );
  expect(finding.level).not.toBe("failure");
  expect(finding.sentence).toMatch(/a\/b: [\d.]+ GB free, a durable write takes \d+ ms/);
  expect(existsSync(join(folder, "a"))).toBe(false);
});

test("a file in the place of the folder is a failure", async () => {
  await writeFile(join(folder, "data"), "");
  expect(await checkStorage(configFor(folder), systemClock)).toMatchObject({
    level: "failure",
    sentence: expect.stringContaining("cannot be written"),
  });
});

test("a file system without writing is a failure", async () => {
  expect((await checkStorage(configFor(folder, "dataDirectory: /proc/sightline"), systemClock)).level).toBe("failure");
});

test.skipIf(!existsSync("/dev/shm"))("memory as a disk is a warning", async () => {
  const shared = await mkdtemp("/dev/shm/sightline-storage-");
  try {
    const finding = await checkStorage(
      configFor(shared, "journal: { maxBytes: 8000000, reserveBytes: 3000000 }"),
      systemClock,
    );
    expect(finding).toMatchObject({
      level: "warning",
      sentence: expect.stringContaining("tmpfs, which is empty after a restart"),
    });
  } finally {
    await rm(shared, { recursive: true, force: true });
  }
});

test("a quota larger than the disk is a warning, a reserve larger than the disk a failure", async () => {
  const large = "9000000000000000";
  const half = "4500000000000000";
  expect((await checkStorage(configFor(folder, `journal: { maxBytes: ${large} }`), systemClock)).level).toBe("warning");
  expect(
    (await checkStorage(configFor(folder, `journal: { maxBytes: ${large}, reserveBytes: ${half} }`), systemClock))
      .level,
  ).toBe("failure");
});

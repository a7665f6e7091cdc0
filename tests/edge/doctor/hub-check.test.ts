import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { edgeEnrol } from "../../../src/commands/edge-enrol.ts";
import { checkHub } from "../../../src/edge/doctor/hub-check.ts";
import { credentialPath } from "../../../src/pipeline/uplink/credential.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { put } from "../../scenarios/support/pictures.ts";
import { configFor, TINY_BUNDLE } from "./config-for.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sightline-hub-check-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

const check = (hub: FakeHub) => checkHub(configFor(folder, `hub: { url: "${hub.url}" }`), systemClock);

async function enrolHere(hub: FakeHub): Promise<void> {
  hub.codes.set("a-one-time-code", "t1");
  const path = join(folder, "device.yaml");
  put(path, `device: t1\ncamera: { type: simulated }\nrecipes: [{ name: tiny, model: ${TINY_BUNDLE} }]\n`);
  expect(await edgeEnrol(["--hub", hub.url, "--code", "a-one-time-code", "--config", path])).toBe(0);
}

test("a device that is not enrolled is told how", async () => {
  const hub = await FakeHub.start();
  const finding = await check(hub);
  expect(finding).toMatchObject({ level: "failure", sentence: expect.stringContaining("not enrolled") });
  expect(finding.remedy).toContain(`sightline edge enrol --hub ${hub.url}`);
});

test("an enrolled device is known at the hub, until that is away or has revoked it", async () => {
  const hub = await FakeHub.start();
  await enrolHere(hub);
  expect(await check(hub)).toMatchObject({ level: "ok", sentence: expect.stringContaining("line hall-2/line-4") });
  hub.credential = "another";
  expect(await check(hub)).toMatchObject({ level: "failure", sentence: expect.stringContaining("not known") });
  await hub.stop();
  expect(await check(hub)).toMatchObject({ level: "failure", sentence: expect.stringContaining("nothing listens") });
});

test("a credential that others can read is a failure", async () => {
  const hub = await FakeHub.start();
  await enrolHere(hub);
  chmodSync(credentialPath(join(folder, "data")), 0o644);
  expect(await check(hub)).toMatchObject({ level: "failure", remedy: expect.stringContaining("chmod 600") });
});

test("an address that is none is refused with the configuration", () => {
  expect(() => configFor(folder, `hub: { url: "ftp://hub" }`)).toThrow(/https:\/\/HOST:PORT/);
  expect(() => configFor(folder, `hub: { url: "https://user:secret@hub" }`)).toThrow(/enrol the device instead/);
  expect(() => configFor(folder, `hub: { url: "https://hub", timeZone: Europe/Berlinn }`)).toThrow(/time zone/);
});

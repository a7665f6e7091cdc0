import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { release } from "../../src/commands/release.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { ReleaseClient } from "../../src/release/release-client.ts";
import { captured } from "./captured-output.ts";

const home = mkdtempSync(join(tmpdir(), "sightline-release-command-"));
const at = (name: string): string => join(home, name);
const BUNDLE = at("bundle");
const passphrase = ["--passphrase-file", at("passphrase")];

/** Holders on two machines, and the hub. */
const shared = (keys: string): string[] => ["--releases", at("releases"), "--keys", at(keys)];

async function run(...args: string[]): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await captured(() => release.run(args));
  return { code, output: args.includes("--json") ? stdout : stderr + stdout };
}

beforeAll(() => {
  cpSync(new URL("../fixtures/tiny-bundle", import.meta.url), BUNDLE, { recursive: true });
  writeFileSync(at("passphrase"), "correct horse battery\n");
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test("keys are made, private and encrypted, and carried to their holders", async () => {
  const made = await run("keys", "--product", "tile", "--days", "product=90", ...shared("keys"), ...passphrase);
  expect(made.output).toMatch(/made root-3 .*made product-tile-2 .*staged catalogue\/product-tile +2 of 2 signatures/s);
  for (const file of await readdir(at("keys"))) expect(statSync(join(at("keys"), file)).mode & 0o077).toBe(0);
  cpSync(at("keys"), at("second-holder"), { recursive: true });
  renameSync(join(at("keys"), "product-tile-2.key.json"), join(home, "elsewhere"));
  rmSync(join(at("second-holder"), "product-tile-1.key.json"));
  await expect(run("keys", ...shared("keys"), ...passphrase)).rejects.toThrow(/has its keys/);
});

test("one holder signs, publishing waits; the second sees what they sign and completes it", async () => {
  const args = ["--product", "tile", "--bundle", BUNDLE, "--line", "acme/line-1", "--reason", "first model"];
  const first = await run("sign", ...args, ...shared("keys"), ...passphrase);
  expect(first.output).toMatch(/tiny 1\.0\.0 is release 1 of tile: \d+ files/);
  expect(first.output).toMatch(/signed by product-tile-1\n.*product-tile: 1 of 2 signatures, 1 missing/s);
  await expect(run("publish", ...shared("keys"), ...passphrase)).rejects.toThrow(/1 more needed/);
  const second = await run("sign", ...shared("second-holder"), ...passphrase);
  expect(second.output).toMatch(/release 1 of tile: tiny 1\.0\.0 for acme\/line-1: first model/);
  expect(second.output).toMatch(/signed by .*product-tile-2\n.*product-tile: 2 of 2 signatures, complete/s);
});

test("it is published and ordered, a device takes it, and status tells", async () => {
  const ordered = await run(
    ...["publish", "--product", "tile", "--stage", "canary", "--device", "camera-7", "--json"],
    ...shared("keys"),
    ...passphrase,
  );
  expect(JSON.parse(ordered.output)).toMatchObject({
    orders: [{ path: "orders/device/camera-7/tile", order: { order: 1 } }],
  });
  const root = (name: string): Uint8Array => readFileSync(join(at("releases"), name, "metadata/1.root.json"));
  const device = new ReleaseClient({
    clock: systemClock,
    url: pathToFileURL(at("releases")).href,
    directoryPath: at("device"),
    birthRoots: { catalogue: root("catalogue"), director: root("director") },
    device: "camera-7",
    line: "acme/line-1",
  });
  expect(await device.check("tile")).toMatchObject({ outcome: "installed", release: { stage: "canary" } });

  const back = ["--product", "tile", "--to", "1.0.0", "--reason", "rehearsal"];
  expect((await run("rollback", ...back, ...shared("keys"), ...passphrase)).output).toMatch(
    /as release 2 of tile: rehearsal/,
  );
  const status = await run("status", "--releases", at("releases"));
  expect(status.code).toBe(0);
  expect(status.output).toMatch(/catalogue\/root +1 .* 3 \(needs 2\)/);
  expect(status.output).toMatch(/catalogue\/product-tile +2 +1 of 2 +1 missing/);
  expect(status.output).toMatch(/1 +device camera-7 +tile +canary +tiny 1\.0\.0/);
  await run("sign", ...shared("second-holder"), ...passphrase);
  await run(
    "publish",
    "--product",
    "tile",
    "--stage",
    "fleet",
    "--line",
    "acme/line-1",
    ...shared("keys"),
    ...passphrase,
  );
  expect(await device.check("tile")).toMatchObject({ outcome: "installed", release: { stage: "fleet", release: 2 } });
  expect(JSON.parse((await run("status", "--releases", at("releases"), "--json")).output).releases).toHaveLength(1);
});

test("a root is rotated from the command line", async () => {
  const rotated = await run("keys", "--rotate", "root", ...shared("keys"), ...passphrase);
  expect(rotated.output).toMatch(/staged catalogue\/root +3 of 2, 3 of 2 signatures/);
  expect(existsSync(join(at("keys"), "retired"))).toBe(true);
  await run("publish", ...shared("keys"), ...passphrase);
  expect((await run("status", "--releases", at("releases"))).output).toMatch(/director\/root +2 /);
});

test("what is mistyped or missing is said in a sentence", async () => {
  await expect(run("sing")).rejects.toThrow(/no action "sing"; did you mean sign/);
  await expect(run("publish", "--stage", "all", "--line", "x", ...shared("keys"))).rejects.toThrow(
    /use shadow, canary, fleet/,
  );
  await expect(run("publish", "--stage", "fleet", ...shared("keys"))).rejects.toThrow(/needs --line or --device/);
  await expect(run("publish", ...shared("keys"))).rejects.toThrow(/is encrypted; give --passphrase-file/);
  await expect(run("status", "--releases", at("nowhere"))).rejects.toThrow(/holds no releases; make them with/);
  await expect(run("sign", ...shared("nowhere"))).rejects.toThrow(/cannot be read; --keys takes/);
  await expect(
    run("keys", "--product", "x", "--signers", "root=4of3", ...shared("a"), "--releases", at("b")),
  ).rejects.toThrow(/threshold must not exceed keys/);
  for (const action of ["keys", "sign", "publish", "status", "rollback"]) {
    expect((await run(action, "--help")).output).toMatch(new RegExp(`^usage: sightline release ${action}`));
  }
});

test("a bundle that is not what its manifest says is not signed", async () => {
  cpSync(BUNDLE, at("changed"), { recursive: true });
  writeFileSync(at("changed/model.onnx"), "other");
  const args = ["sign", "--product", "tile", "--reason", "x", ...shared("keys"), ...passphrase];
  await expect(run(...args, "--bundle", at("changed"))).rejects.toThrow(
    /model\.onnx is not the file that its manifest lists/,
  );
  cpSync(BUNDLE, at("same-version"), { recursive: true });
  const manifest = JSON.parse(readFileSync(at("same-version/manifest.json"), "utf8"));
  writeFileSync(at("same-version/manifest.json"), JSON.stringify({ ...manifest, goldenTolerance: 0.5 }));
  await expect(run(...args, "--bundle", at("same-version"))).rejects.toThrow(
    /released with other content; give the bundle a new version/,
  );
});

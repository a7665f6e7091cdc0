import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openBundle } from "../../src/pipeline/infer/open-bundle.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { releasesOf } from "../../src/release/read-targets.ts";
import { ReleaseThread } from "../../src/release/release-thread.ts";
import { signRollback } from "../../src/release/sign-release.ts";
import { DAY, DEVICE, LINE, Plant, PRODUCT } from "./support/plant.ts";

let plant: Plant;

beforeEach(async () => {
  plant = new Plant();
  await plant.start();
});
afterEach(() => plant.stop());

test("a signed and ordered bundle is installed whole, once", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  const result = await device.check(PRODUCT);
  expect(result).toMatchObject({ outcome: "installed", release: { version: "1.0.0", release: 1, stage: "fleet" } });
  if (result.outcome !== "installed") return;
  const bundle = await openBundle(result.path);
  expect(bundle.manifest.version).toBe("1.0.0");
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "nothing-new" });
  expect(await device.installed(PRODUCT)).toMatchObject({ path: result.path, release: { release: 1 } });
});
test("a device without an order gets nothing", async () => {
  await plant.sign("1.0.0");
  await plant.publish("1.0.0", "canary", [{ kind: "device", name: "another" }]);
  expect(await plant.device().check(PRODUCT)).toMatchObject({
    outcome: "nothing-new",
    sentence: "Nothing is ordered of tile for this device or its line.",
  });
});

test("one release goes through shadow, canary and fleet without being downloaded again", async () => {
  const device = plant.device();
  await plant.sign("1.0.0");
  const bytes = (): number => plant.server.requests.filter(({ path }) => path.includes("/targets/")).length;
  for (const stage of ["shadow", "canary", "fleet"] as const) {
    await plant.publish("1.0.0", stage, [{ kind: "device", name: DEVICE }]);
    expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", release: { stage } });
  }
  expect(bytes()).toBe(6);
});

test("going back is a forward release of the old files", async () => {
  const device = plant.device();
  await plant.release("1.0.0");
  const first = await device.check(PRODUCT);
  await plant.release("1.1.0");
  expect(await device.check(PRODUCT)).toMatchObject({
    outcome: "installed",
    release: { version: "1.1.0", release: 2 },
  });
  const downloads = plant.server.requests.length;
  await signRollback({ name: undefined, version: "1.0.0" }, await plant.terms({ reason: "1.1.0 rejects good tiles" }));
  await plant.publish("1.0.0");
  const back = await device.check(PRODUCT);
  expect(back).toMatchObject({ release: { version: "1.0.0", release: 3, reason: "1.1.0 rejects good tiles" } });
  expect(back.outcome === "installed" && first.outcome === "installed" && back.path === first.path).toBe(true);
  expect(plant.server.requests.slice(downloads).some(({ path }) => path.includes("/targets/"))).toBe(false);
});

test("a folder of files serves as well as a web server", async () => {
  await plant.release("1.0.0");
  const device = plant.device({ url: new URL(`file://${plant.repositoryPath}`).href });
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed" });
});

test("old bundles go when nobody needs them", async () => {
  const device = plant.device();
  const paths: string[] = [];
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
    await plant.release(version);
    const result = await device.check(PRODUCT);
    if (result.outcome === "installed") paths.push(result.path);
  }
  await device.prune(PRODUCT, [paths[1] ?? ""]);
  expect(paths.map((path) => existsSync(path))).toEqual([false, true, true]);
});

test("a bundle that went missing is fetched again under the same order", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  const { rm } = await import("node:fs/promises");
  await rm(join(plant.path, "device/bundles"), { recursive: true });
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed" });
});

test("an update after many quiet publications still finds its way", async () => {
  await plant.release("1.0.0");
  const device = plant.device();
  await device.check(PRODUCT);
  for (let day = 0; day < 15; day++) {
    plant.clock.now += DAY / 2;
    await plant.publish(null);
  }
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "nothing-new", clockBehindMs: 0 });
  await plant.release("1.1.0");
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed" });
});

test("checks in a thread of their own do the same, and leave at once when they are told to", async () => {
  plant.clock.now = Date.now();
  await plant.publish(null);
  await plant.release("1.0.0");
  const steps: number[] = [];
  const device = new ReleaseThread({
    clock: systemClock,
    settings: {
      url: plant.url,
      directoryPath: join(plant.path, "device"),
      birthRoots: plant.birthRoots(),
      device: DEVICE,
      line: LINE,
    },
    onProgress: (done) => steps.push(done),
  });
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed" });
  expect(steps.length).toBeGreaterThan(2);
  await plant.release("1.1.0");
  const abort = new AbortController();
  plant.server.hook = (_request, _response, path) => {
    if (!path.endsWith("weights.bin")) return false;
    abort.abort(new Error("the device stops"));
    return true;
  };
  await expect(device.check(PRODUCT, abort.signal)).rejects.toThrow("the device stops");
  plant.server.hook = null;
  expect(await device.check(PRODUCT)).toMatchObject({ outcome: "installed", release: { version: "1.1.0" } });
  await device.prune(PRODUCT, []);
  expect(await device.installed(PRODUCT)).toMatchObject({ release: { version: "1.1.0" } });
});

test("old releases leave what is signed, but not those that somebody is ordered to run", async () => {
  await plant.release("1.0.0", {}, 10);
  for (let minor = 1; minor <= 27; minor++) await plant.sign(`1.${minor}.0`, {}, 10);
  await plant.publish(null);
  const role = await plant.folder.targets({ repository: "catalogue", role: "product-tile" });
  const versions = role === null ? [] : releasesOf(role.signed).map(({ note }) => note.version);
  expect([versions[0], versions[1], versions.at(-1), versions.length]).toEqual(["1.0.0", "1.3.0", "1.27.0", 26]);
  expect(await plant.device().check(PRODUCT)).toMatchObject({ outcome: "installed", release: { version: "1.0.0" } });
});

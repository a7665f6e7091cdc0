import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openBundle } from "../../src/pipeline/infer/open-bundle.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { signRollback } from "../../src/release/sign-release.ts";
import { DEVICE, LINE, Plant, PRODUCT } from "./support/plant.ts";
import { PowerCut } from "./support/power-cut.ts";

const LONG = process.env["SIGHTLINE_KILLS"];
const KILLS = Number(LONG ?? 4);
/** The long form cuts at every write; the short one at every thirteenth. */
const STRIDE = LONG === undefined ? 13 : 1;
const LONG_TEST_MS = 900_000;
let plant: Plant;

beforeEach(async () => {
  plant = new Plant();
  await plant.start();
});
afterEach(() => plant.stop());

/** Whatever happened: something whole is installed, the next check goes through, and then the newest is. */
async function goesOn(home: string, versions: readonly string[], newest: string): Promise<void> {
  const device = plant.device({ home });
  const now = await device.installed(PRODUCT);
  if (now !== null) {
    expect(versions).toContain(now.release.version);
    await openBundle(now.path);
  }
  const result = await device.check(PRODUCT);
  expect(result.outcome, JSON.stringify(result)).not.toBe("refused");
  // No cut ever reaches what was trusted already: falling back is for disks that lie.
  expect(result.trustRecovered).toBe(false);
  const then = await device.installed(PRODUCT);
  expect(then?.release.version).toBe(newest);
  await openBundle(then?.path ?? "");
}

test(
  "the power is cut while an update is written, here and there, or at each write in the long form",
  { timeout: LONG_TEST_MS },
  async () => {
    await plant.release("1.0.0", {}, 50_000);
    await plant.device().check(PRODUCT);
    await plant.release("1.1.0", {}, 50_000);
    let cuts = 0;
    for (let at = 1; ; at += STRIDE) {
      cpSync(join(plant.path, "device"), join(plant.path, "cut"), { recursive: true });
      const cut = new PowerCut(at);
      cut.install();
      try {
        await plant
          .device({ home: "cut" })
          .check(PRODUCT)
          .catch(() => undefined);
      } finally {
        cut.remove();
      }
      // The last one is cut right after it told that the release is installed.
      await goesOn("cut", cut.happened ? ["1.0.0", "1.1.0"] : ["1.1.0"], "1.1.0");
      if (!cut.happened) break;
      cuts++;
      rmSync(join(plant.path, "cut"), { recursive: true });
    }
    expect(cuts).toBeGreaterThan(60 / STRIDE);
  },
);

test("the power is cut in the very first check", { timeout: LONG_TEST_MS }, async () => {
  await plant.release("1.0.0", {}, 10_000);
  for (let at = 2; ; at += STRIDE) {
    const cut = new PowerCut(at);
    cut.install();
    try {
      await plant
        .device({ home: "cut" })
        .check(PRODUCT)
        .catch(() => undefined);
    } finally {
      cut.remove();
    }
    await goesOn("cut", ["1.0.0"], "1.0.0");
    if (!cut.happened) break;
    rmSync(join(plant.path, "cut"), { recursive: true });
  }
});

test("any file of the trust that is torn, or all of them, costs nothing that was known", async () => {
  await plant.release("1.0.0", {}, 10_000);
  await plant.device().check(PRODUCT);
  await plant.release("1.1.0", {}, 10_000);
  await plant.device().check(PRODUCT);
  const trust = join(plant.path, "device/trust");
  const files = readdirSync(trust, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(trust.length + 1));
  expect(files.length).toBeGreaterThan(20);
  // A stolen hub key orders the old release meanwhile: whatever is lost, it must not come through.
  await plant.publish("1.0.0");
  const torn = async (names: readonly string[], keep: number): Promise<void> => {
    cpSync(join(plant.path, "device"), join(plant.path, "torn"), { recursive: true });
    for (const name of names) {
      const path = join(plant.path, "torn/trust", name);
      truncateSync(path, Math.floor(readFileSync(path).length * keep));
    }
    const device = plant.device({ home: "torn" });
    expect(await device.check(PRODUCT), names.join()).toMatchObject({ code: "RELEASE_ROLLED_BACK" });
    await openBundle((await device.installed(PRODUCT))?.path ?? "");
    rmSync(join(plant.path, "torn"), { recursive: true });
  };
  for (const file of files) await torn([file], file.length % 2 === 0 ? 0 : 0.5);
  await torn(files, 0.5);
  await torn(files, 0);
  await signRollback({ name: undefined, version: "1.0.0" }, await plant.terms({ reason: "back" }));
  await plant.publish("1.0.0");
  for (const file of files) truncateSync(join(trust, file), 0);
  expect(await plant.device().check(PRODUCT)).toMatchObject({ outcome: "installed", trustRecovered: true });
});

test("a working copy of an interrupted check is thrown away", async () => {
  await plant.release("1.0.0", {}, 10_000);
  await plant.device().check(PRODUCT);
  const work = join(plant.path, "device/trust/work/catalogue");
  cpSync(join(plant.repositoryPath, "catalogue/metadata"), work, { recursive: true });
  for (const file of readdirSync(work)) writeFileSync(join(work, file), "{");
  await goesOn("device", ["1.0.0"], "1.0.0");
});

test(
  `${KILLS} kills of a device in the middle of updates leave it able to update, and a whole bundle`,
  { timeout: LONG_TEST_MS },
  async () => {
    const random = seededRandom(5);
    plant.clock.now = Date.now();
    await plant.release("1.0.0", {}, 2_000_000);
    for (let kill = 1; kill <= KILLS; kill++) {
      const child = spawn(
        process.execPath,
        [
          fileURLToPath(new URL("support/updating-child.ts", import.meta.url)),
          ...[plant.url, join(plant.path, "device"), plant.repositoryPath, DEVICE, LINE, PRODUCT],
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      await once(child.stdout, "data");
      // While it checks, a new release appears.
      await plant.release(`1.${kill}.0`, {}, 2_000_000);
      await new Promise((resolve) => setTimeout(resolve, random() * 60));
      child.kill("SIGKILL");
      await once(child, "exit");
      const versions = Array.from({ length: kill + 1 }, (_, at) => `1.${at}.0`);
      await goesOn("device", versions, `1.${kill}.0`);
    }
  },
);

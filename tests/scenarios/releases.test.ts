import { join } from "node:path";
import { expect, it } from "vitest";
import type { Verdict } from "../../src/contracts/verdict.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { madeBundle, type Misbehaviour } from "./support/made-bundles.ts";
import { ReleaseShop } from "./support/release-shop.ts";
import { type Boot, SMALL_PARTS, Station, temporaryDirectory } from "./support/station.ts";

const OLD = "1.0.0";
const DEADLINE_MS = 800;
const PATIENCE = { timeout: 60_000, interval: 50 } as const;
/** Devices, inference processes and repositories start in each test; shared machines stall. */
const ROOM = { retry: 3, timeout: 240_000 } as const;

interface Plant {
  readonly station: Station;
  readonly boot: Boot;
  readonly shop: ReleaseShop;
}

/** A line at work with 1.0.0. */
async function lineAtWork(change: object = {}): Promise<Plant> {
  const shop = await ReleaseShop.open();
  const station = new Station({
    camera: { ...SMALL_PARTS, partsPerSecond: 30 },
    trigger: { deadlineMs: DEADLINE_MS },
    inference: { provider: "cpu", processes: 1, hangTimeoutMs: 1500, loadTimeoutMs: 3000 },
    releases: shop.section(change),
  });
  return { station, shop, boot: await station.boot() };
}

async function order({ shop }: Plant, version: string, misbehaviour: Misbehaviour): Promise<void> {
  await shop.sign(madeBundle(join(temporaryDirectory(), "bundle"), version, misbehaviour));
  await shop.order(version);
}

const release = async (boot: Boot) => (await boot.status()).release;
const ended = (boot: Boot, version: string) =>
  expect.poll(async () => {
    const last = (await release(boot))?.last;
    return last?.version === version ? last : null;
  }, PATIENCE);

async function moreParts(boot: Boot, parts: number): Promise<void> {
  const { triggers } = await boot.status();
  await expect.poll(async () => (await boot.status()).triggers, PATIENCE).toBeGreaterThan(triggers + parts);
}

/** Ends the device; its ledger must be whole. */
async function verdictsOf({ station, boot }: Plant): Promise<readonly Verdict[]> {
  expect(await boot.stop()).toMatchObject({ code: 0 });
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  return ledger.verdicts;
}

const faults = (verdicts: readonly Verdict[]) => verdicts.filter(({ verdict }) => verdict === "fault");
/** Which model judged, from part to part; what the queue had no room for was judged by none. */
const versions = (verdicts: readonly Verdict[]) =>
  verdicts
    .toSorted((left, right) => (left.seq ?? 0) - (right.seq ?? 0))
    .flatMap(({ model }) => model?.version ?? [])
    .filter((version, at, all) => version !== all[at - 1]);

it(
  "a good model goes through shadow and trial, is committed between two parts, and runs after a restart",
  ROOM,
  async () => {
    const plant = await lineAtWork();
    const { boot, station } = plant;
    await order(plant, "1.1.0", { does: "nothing" });
    await expect.poll(async () => (await boot.status()).model?.version, PATIENCE).toBe("1.1.0");
    expect(await release(boot)).toMatchObject({ active: { version: OLD }, candidate: { phase: "trial", wanted: 200 } });
    await ended(boot, "1.1.0").toMatchObject({ outcome: "committed" });
    expect((await release(boot))?.sentence).toMatch(/^Runs tiny 1\.1\.0 since/);
    await expect.poll(() => boot.children("inference-process").length, PATIENCE).toBe(1);
    await moreParts(boot, 20);
    const verdicts = await verdictsOf(plant);
    expect(faults(verdicts)).toEqual([]);
    expect(versions(verdicts)).toEqual([OLD, "1.1.0"]);

    const next = await station.boot();
    expect(await next.status()).toMatchObject({ model: { version: "1.1.0" }, release: { candidate: null } });
    await next.stop();
  },
);

it("models that throw, hang, crash or are slow are refused; no part feels it", ROOM, async () => {
  const plant = await lineAtWork({ limits: { latencyP99Ms: 100 } });
  const refused: [string, Misbehaviour, string][] = [
    ["1.1.0", { does: "throw", after: "at once" }, "inference-failed"],
    ["1.2.0", { does: "hang", after: "at once" }, "inference-hung"],
    ["1.3.0", { does: "crash", after: "at once" }, "inference-crashed"],
    ["1.4.0", { does: "slow", loops: 600_000 }, "latency"],
  ];
  for (const [version, misbehaviour, code] of refused) {
    await order(plant, version, misbehaviour);
    await ended(plant.boot, version).toMatchObject({ outcome: "refused", code });
  }
  const verdicts = await verdictsOf(plant);
  expect(faults(verdicts)).toEqual([]);
  expect(versions(verdicts)).toEqual([OLD]);
});

it("models that throw, hang, crash or always pass in the shadow are given up; no part feels it", ROOM, async () => {
  const plant = await lineAtWork({ shadow: { parts: 2000, niceness: 0 }, limits: { faults: 0 } });
  const givenUp: [string, Misbehaviour, string][] = [
    ["1.1.0", { does: "throw", after: "some runs" }, "faults"],
    ["1.2.0", { does: "hang", after: "some runs" }, "crash"],
    ["1.3.0", { does: "crash", after: "some runs" }, "crash"],
    ["1.4.0", { does: "pass" }, "missed-rejects"],
  ];
  for (const [version, misbehaviour, code] of givenUp) {
    await order(plant, version, misbehaviour);
    await ended(plant.boot, version).toMatchObject({ outcome: "rolled-back", code });
  }
  const verdicts = await verdictsOf(plant);
  expect(faults(verdicts)).toEqual([]);
  expect(versions(verdicts)).toEqual([OLD]);
});

/** From the first verdict of `version` that is a fault to the last. */
function outageMs(verdicts: readonly Verdict[], version: string): number {
  const times = faults(verdicts)
    .filter(({ model }) => model?.version === version)
    .map(({ decidedAt }) => Date.parse(decidedAt));
  return Math.max(...times) - Math.min(...times);
}

it("models that throw, hang or crash on trial are off the line within three deadlines", ROOM, async () => {
  const plant = await lineAtWork({ limits: { faults: 0 } });
  const rolledBack: [string, Misbehaviour, string][] = [
    ["1.1.0", { does: "throw", after: "many runs" }, "faults"],
    ["1.2.0", { does: "hang", after: "many runs" }, "faults"],
    ["1.3.0", { does: "crash", after: "many runs" }, "crash"],
  ];
  for (const [version, misbehaviour, code] of rolledBack) {
    await order(plant, version, misbehaviour);
    await ended(plant.boot, version).toMatchObject({ outcome: "rolled-back", code });
    expect((await plant.boot.status()).model?.version).toBe(OLD);
    await moreParts(plant.boot, 20);
  }
  const verdicts = await verdictsOf(plant);
  expect(versions(verdicts)).toEqual([OLD, "1.1.0", OLD, "1.2.0", OLD, "1.3.0", OLD]);
  expect(faults(verdicts).filter(({ model }) => model?.version === OLD)).toEqual([]);
  for (const [version] of rolledBack) {
    const outage = outageMs(verdicts, version);
    expect(outage).toBeLessThan(3 * DEADLINE_MS);
    console.info(
      `${version}: ${faults(verdicts).filter(({ model }) => model?.version === version).length} faults in ${outage} ms`,
    );
  }
});

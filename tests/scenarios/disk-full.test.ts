import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Verdict } from "../../src/contracts/verdict.ts";
import { LoopDisk } from "../pipeline/journal/loop-disk.ts";
import { readLedger, type Ledger } from "./support/ledger.ts";
import { SMALL_PARTS, Station, type Boot } from "./support/station.ts";

const DISK_BYTES = 32e6;
const JOURNAL = { maxBytes: 20e6, reserveBytes: 2.5e6 };

function mountDisk(skip: (note: string) => never): LoopDisk {
  const disk = LoopDisk.create(DISK_BYTES) ?? skip("no file system can be mounted here");
  onTestFinished(() => disk.destroy());
  return disk;
}

/** Something else on the machine takes every byte. */
function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (const size of [1 << 20, 1 << 14, 1 << 10]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(size, 1));
      } catch {
        // no room for one of this size
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Where rows could not be written there may be gaps, but never a second verdict, nor a trigger left open. */
function expectNothingTwiceOrOpen({ triggers, verdicts }: Ledger): void {
  expect(triggers.filter(({ verdictIds }) => verdictIds.length !== 1)).toEqual([]);
  expect(new Set(verdicts.map(({ id }) => id)).size).toBe(verdicts.length);
}

const total = async (boot: Boot): Promise<number> => {
  const { pass, reject, review, fault } = (await boot.status()).counts;
  return pass + reject + review + fault;
};

const codes = async (boot: Boot): Promise<string[]> => (await boot.status()).problems.map(({ code }) => code);

it(
  "goes on inspecting while the disk is full, says so, and records again when there is room",
  { timeout: 150_000 },
  async ({ skip }) => {
    const disk = mountDisk(skip);
    const station = new Station({
      dataDirectory: join(disk.path, "data"),
      camera: { ...SMALL_PARTS, asFastAsPossible: true },
      journal: JOURNAL,
    });
    const boot = await station.boot();
    await expect.poll(() => total(boot), { timeout: 20_000 }).toBeGreaterThan(50);
    const filler = join(disk.path, "somebody-elses-film");
    fill(filler);
    await expect.poll(() => codes(boot), { timeout: 60_000, interval: 100 }).toContain("disk-low");
    await expect
      .poll(
        async () => {
          fill(join(disk.path, "the-next-film")); // what the journal gives back to the file system is taken at once
          return codes(boot);
        },
        { timeout: 90_000, interval: 100 },
      )
      .toContain("recording-lost");
    const { state, counts } = await boot.status();
    expect(state).toBe("degraded");
    const before = counts.fault;
    const inspected = await total(boot);
    await expect.poll(() => total(boot), { timeout: 20_000 }).toBeGreaterThan(inspected + 50);
    expect((await boot.status()).counts.fault, "a full disk is no reason not to judge").toBe(before);
    expect((await boot.get("/readyz")).status).toBe(200);
    const answer = await boot.post("/api/v1/recipe", { recipe: "tiny" });
    expect(await answer.json(), "a person who switches the recipe gets an answer").toBeDefined();

    rmSync(filler);
    rmSync(join(disk.path, "the-next-film"));
    await expect.poll(async () => (await boot.status()).state, { timeout: 60_000 }).toBe("inspecting");
    expect(await boot.stop()).toMatchObject({ code: 0 });
    expectNothingTwiceOrOpen(readLedger(station.dataDirectory));
  },
);

it("answers triggers in time while the disk does not answer at all", { timeout: 60_000 }, async ({ skip }) => {
  const disk = mountDisk(skip);
  const station = new Station({
    dataDirectory: join(disk.path, "data"),
    camera: { ...SMALL_PARTS, partsPerSecond: 20 },
    trigger: { mode: "external", deadlineMs: 1000 },
    journal: JOURNAL,
  });
  const boot = await station.boot();
  await expect.poll(async () => (await boot.get("/readyz")).status, { timeout: 20_000 }).toBe(200);
  const ask = async (id: string): Promise<Verdict> =>
    Verdict.parse(await (await boot.post("/api/v1/trigger", { id, part: id })).json());
  await ask("before");
  execFileSync("fsfreeze", ["--freeze", disk.path]);
  let thawed = false;
  const thaw = (): void => {
    if (!thawed) execFileSync("fsfreeze", ["--unfreeze", disk.path]);
    thawed = true;
  };
  onTestFinished(thaw);
  try {
    const held = await Promise.all(["first", "second", "third"].map(ask));
    expect(held.map(({ part }) => part)).toEqual(["first", "second", "third"]);
    expect(held.every(({ latencyMs }) => latencyMs.total < 1500)).toBe(true);
    await expect.poll(() => codes(boot), { timeout: 10_000 }).toContain("recording-lost");
    const askedAt = performance.now();
    expect((await ask("fourth")).verdict).not.toBe("fault");
    expect(performance.now() - askedAt).toBeLessThan(1500);
  } finally {
    thaw();
  }
  await expect.poll(async () => (await boot.status()).state, { timeout: 30_000 }).toBe("inspecting");
  expect(await boot.stop()).toMatchObject({ code: 0 });
  const ledger = readLedger(station.dataDirectory);
  expectNothingTwiceOrOpen(ledger);
  expect(ledger.triggers.map(({ part }) => part).sort()).toEqual(["before", "first", "fourth", "second", "third"]);
});

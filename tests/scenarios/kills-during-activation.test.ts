import { join } from "node:path";
import { expect, it } from "vitest";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { madeBundle } from "./support/made-bundles.ts";
import { ReleaseShop } from "./support/release-shop.ts";
import { type Boot, commandLine, SMALL_PARTS, Station, temporaryDirectory } from "./support/station.ts";

/** The long form is SIGHTLINE_KILLS=50. */
const KILLS = Number(process.env["SIGHTLINE_KILLS"] ?? 6);
const PATIENCE = { timeout: 90_000, interval: 20 } as const;

/** The steps of the roll-out that this boot has logged. */
const steps = (boot: Boot): unknown[] => boot.log.filter(({ msg }) => msg === "release").map(({ step }) => step);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it(
  `leaves a model at work after each of ${KILLS} kills during activation, and a gap-free ledger`,
  { retry: 3, timeout: 120_000 + KILLS * 40_000 },
  async () => {
    const shop = await ReleaseShop.open();
    const station = new Station({
      camera: { ...SMALL_PARTS, partsPerSecond: 30 },
      inference: { provider: "cpu", processes: 1, loadTimeoutMs: 20_000 },
      releases: shop.section({ trial: { parts: 40, minutes: 0.01, attempts: 2 } }),
    });
    const orderNext = async (number: number): Promise<void> => {
      await shop.sign(madeBundle(join(temporaryDirectory(), "bundle"), `1.${number}.0`, { does: "nothing" }));
      await shop.order(`1.${number}.0`);
    };
    const running = new Set<string>();
    const reached = new Map<string, number>();
    for (let kill = 1; kill <= KILLS; kill++) {
      await orderNext(kill);
      const boot = await station.boot();
      const children = boot.children("inference-process");
      // A moment nobody chose, within the step whose turn it is.
      const moment = ["ordered", "shadow", "trial", "committed"][kill % 4];
      await expect.poll(() => steps(boot).includes(moment), PATIENCE).toBe(true);
      await pause(Math.random() * 400);
      const last = String(steps(boot).at(-1));
      reached.set(last, (reached.get(last) ?? 0) + 1);
      await boot.kill();
      await expect.poll(() => children.filter((pid) => commandLine(pid) !== ""), PATIENCE).toEqual([]);

      const after = await station.boot();
      const { model, triggers } = await after.status();
      expect(model).not.toBeNull();
      running.add(model?.version ?? "");
      await expect.poll(async () => (await after.status()).triggers, PATIENCE).toBeGreaterThan(triggers + 5);
      await expect.poll(async () => (await after.status()).counts.pass, PATIENCE).toBeGreaterThan(0);
      if (kill % 2 === 0) await after.kill();
      else expect(await after.stop()).toMatchObject({ code: 0 });
    }
    // Whatever became of those, the next one is committed.
    await orderNext(KILLS + 1);
    const end = await station.boot();
    await expect.poll(async () => (await end.status()).release?.active.version, PATIENCE).toBe(`1.${KILLS + 1}.0`);
    expect(await end.stop()).toMatchObject({ code: 0 });
    const ledger = readLedger(station.dataDirectory);
    expectSquare(ledger);
    const wrong = ledger.verdicts.filter(
      (verdict) => verdict.verdict === "fault" && !["interrupted", "shutdown"].includes(verdict.reason),
    );
    expect(wrong).toEqual([]);
    console.info(
      `${KILLS} kills in ${JSON.stringify([...reached])}: ${ledger.verdicts.length} verdicts, ran ${[...running].join(" ")}`,
    );
  },
);

it(
  "gives a model up that takes the device down at each attempt, with no repository to ask",
  { retry: 3, timeout: 240_000 },
  async () => {
    const shop = await ReleaseShop.open();
    const section = shop.section({ trial: { parts: 100_000, minutes: 60, attempts: 2 } });
    const station = new Station({ camera: { ...SMALL_PARTS, partsPerSecond: 30 }, releases: section });
    await shop.sign(madeBundle(join(temporaryDirectory(), "bundle"), "1.1.0", { does: "nothing" }));
    await shop.order("1.1.0");
    const first = await station.boot();
    const version = (boot: Boot) => expect.poll(async () => (await boot.status()).model?.version, PATIENCE);
    await version(first).toBe("1.1.0");
    shop.close(); // the hub is away from now on
    await first.kill();
    const second = await station.boot();
    await version(second).toBe("1.1.0");
    await second.kill();
    const third = await station.boot();
    await expect
      .poll(async () => (await third.status()).release?.last, PATIENCE)
      .toMatchObject({ outcome: "rolled-back", version: "1.1.0", code: "crash-loop" });
    await version(third).toBe("1.0.0");
    expect((await third.status()).release?.candidate).toBeNull();
    await third.stop();
    expectSquare(readLedger(station.dataDirectory));
  },
);

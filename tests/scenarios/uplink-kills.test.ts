import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { credentialPath, writeCredential } from "../../src/pipeline/uplink/credential.ts";
import { FakeHub } from "../support/fake-hub.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { DEVICE, SMALL_PARTS, Station } from "./support/station.ts";

const KILLS = Number(process.env["SIGHTLINE_KILLS"] ?? 5);
const HARD = new Set(["audit", "uncertain", "fault"]);

it(
  `brings each hard case to the hub exactly once over ${KILLS} kills of the device while it uploads`,
  { timeout: 60_000 + KILLS * 15_000 },
  async () => {
    const hub = await FakeHub.start();
    hub.delayMs = 3; // so that kills meet requests on their way
    const station = new Station({
      camera: { ...SMALL_PARTS, partsPerSecond: 40 },
      hub: {
        url: hub.url,
        cases: { auditShare: 0.5, image: { format: "png" } },
      },
    });
    const boot = await station.boot();
    expect((await boot.status()).hub).toMatchObject({ enrolled: false, connected: false });
    const { credential } = hub;
    await writeCredential(credentialPath(station.dataDirectory), {
      ...{ hub: hub.url, device: DEVICE, project: "tiles", line: "4", credential },
    });
    await expect.poll(() => hub.cases.size, { timeout: 20_000 }).toBeGreaterThan(3);
    await boot.kill();
    for (let kill = 2; kill <= KILLS; kill++) {
      const next = await station.boot();
      const before = hub.arrivals.length;
      await expect.poll(() => hub.arrivals.length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(before + kill);
      await next.kill();
    }
    const last = await station.boot();
    await expect.poll(async () => (await last.status()).hub?.connected, { timeout: 20_000 }).toBe(true);
    expect(await last.stop()).toMatchObject({ code: 0 });
    const final = await new Station({
      dataDirectory: station.dataDirectory,
      trigger: { mode: "external" },
      hub: { url: hub.url },
    }).boot();
    await expect.poll(async () => (await final.status()).hub?.waiting, { timeout: 30_000 }).toBe(0);
    const ledgerSize = async () => final.metric("sightline_ledger_verdicts");
    await expect.poll(async () => hub.verdicts.size === (await ledgerSize()), { timeout: 30_000 }).toBe(true);
    expect(await final.stop()).toMatchObject({ code: 0 });

    const ledger = readLedger(station.dataDirectory);
    expectSquare(ledger);
    const byId = new Map(ledger.verdicts.map((verdict) => [verdict.id, verdict]));
    expect([...hub.verdicts.values()].map(({ id }) => id).sort()).toEqual([...byId.keys()].sort());
    for (const [id, { verdict, image }] of hub.cases) {
      expect(verdict, "the very verdict of the ledger").toEqual(byId.get(id));
      expect(hash("sha256", hub.images.get(image.sha256) ?? "")).toBe(image.sha256);
    }
    // A frame that was in memory alone when the power went is gone; what reached the disk is not: nothing was lost.
    const chosen = ledger.verdicts.filter(({ hardCase, seq }) => seq !== null && hardCase.some((one) => HARD.has(one)));
    const missing = chosen.filter(({ id }) => !hub.cases.has(id));
    expect(missing.length).toBeLessThanOrEqual(KILLS * 8);
    expect(hub.lost.size).toBe(0);
    const repeated = hub.arrivals.length - hub.cases.size;
    console.info(
      `${KILLS} kills: ${hub.cases.size} cases at the hub, ${repeated} sent twice, ${missing.length} in memory at a kill`,
    );
  },
);

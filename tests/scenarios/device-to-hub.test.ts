import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { enrol } from "../../src/pipeline/uplink/enrol.ts";
import { credentialPath, writeCredential } from "../../src/pipeline/uplink/credential.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { HubUnderTest, PROJECT } from "../hub/support/running-hub.ts";
import { readLedger } from "./support/ledger.ts";
import { DEVICE, SMALL_PARTS, Station } from "./support/station.ts";

it(
  "takes cases and verdicts of a device to the hub, through its limits, a revocation and a new enrolment",
  { timeout: 120_000 },
  async () => {
    const hub = await HubUnderTest.start();
    const engineer = await hub.signIn("engineer");
    const made = await engineer.send("POST", "/api/v1/devices/codes", {
      device: DEVICE,
      project: PROJECT,
      line: "line1",
    });
    const { code } = (await made.json()) as { code: string };
    const station = new Station({
      camera: { ...SMALL_PARTS, partsPerSecond: 20 },
      hub: { url: hub.url, cases: { auditShare: 0.3, image: { format: "png" }, metadata: { lighting: "ring" } } },
    });
    const boot = await station.boot();
    await expect.poll(async () => (await boot.status()).hub?.waiting, { timeout: 20_000 }).toBeGreaterThan(0);
    const credential = await enrol({ url: hub.url }, code, DEVICE, systemClock);
    await writeCredential(credentialPath(station.dataDirectory), credential);
    await expect
      .poll(async () => (await boot.status()).hub, { timeout: 20_000 })
      .toMatchObject({ connected: true, sentence: null });
    await expect.poll(async () => (await boot.status()).hub?.sent, { timeout: 20_000 }).toBeGreaterThan(10);

    await engineer.send("PATCH", `/api/v1/devices/${DEVICE}`, { dailyCases: 5 });
    await expect
      .poll(async () => (await boot.status()).hub?.hold, { timeout: 30_000 })
      .toContain("daily number of hard cases");
    await engineer.send("PATCH", `/api/v1/devices/${DEVICE}`, { dailyCases: 100_000 });
    const admin = await hub.signIn("admin");
    expect((await admin.send("POST", `/api/v1/devices/${DEVICE}/revoke`)).status).toBe(200);
    await boot.stop();
    const again = await station.boot();
    await expect
      .poll(async () => (await again.status()).problems.map(({ code }) => code), { timeout: 20_000 })
      .toContain("hub-refuses");
    const second = await engineer.send("POST", "/api/v1/devices/codes", {
      device: DEVICE,
      project: PROJECT,
      line: "line1",
    });
    const anew = await enrol({ url: hub.url }, ((await second.json()) as { code: string }).code, DEVICE, systemClock);
    await writeCredential(credentialPath(station.dataDirectory), anew);
    await again.stop();
    const quiet = await new Station({
      dataDirectory: station.dataDirectory,
      trigger: { mode: "external" },
      hub: { url: hub.url },
    }).boot();
    await expect.poll(async () => (await quiet.status()).hub?.waiting, { timeout: 60_000 }).toBe(0);
    const ledger = readLedger(station.dataDirectory);
    const rows = async () => (await hub.database.query.selectFrom("verdicts").select("id").execute()).length;
    await expect.poll(rows, { timeout: 30_000 }).toBe(ledger.verdicts.length);
    await quiet.stop();
    const cases = await hub.database.query.selectFrom("cases").selectAll().execute();
    const byId = new Map(ledger.verdicts.map((verdict) => [verdict.id, verdict]));
    for (const each of cases) {
      expect(JSON.parse(each.verdict_json)).toEqual(byId.get(each.id));
      expect(JSON.parse(each.metadata_json)).toMatchObject({ lighting: "ring" });
    }
    expect(cases.every(({ line }) => line === "line1")).toBe(true);
    const [first] = cases;
    const viewer = await hub.signIn("viewer");
    const image = await viewer.get(`/api/v1/cases/${first?.id}/image`);
    expect(image.status).toBe(200);
    expect(hash("sha256", new Uint8Array(await image.arrayBuffer()))).toBe(first?.image_sha256);
  },
);

import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { credentialPath, writeCredential } from "../../src/pipeline/uplink/credential.ts";
import { enrol } from "../../src/pipeline/uplink/enrol.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { HubUnderTest, PROJECT, type Browser } from "../hub/support/running-hub.ts";
import { readLedger } from "./support/ledger.ts";
import { DEVICE, SMALL_PARTS, Station, type Boot } from "./support/station.ts";

/** Boots take their time where many tests share a processor. */
const IN_TIME = { timeout: 40_000, interval: 100 };

async function enrolStation(station: Station, hub: HubUnderTest, engineer: Browser): Promise<void> {
  const wanted = { device: DEVICE, project: PROJECT, line: "line1" };
  const made = await engineer.send("POST", "/api/v1/devices/codes", wanted);
  const { code } = (await made.json()) as { code: string };
  const credential = await enrol({ url: hub.url }, code, DEVICE, systemClock);
  await writeCredential(credentialPath(station.dataDirectory), credential);
}

async function inspect(boot: Boot, parts: number): Promise<void> {
  for (let part = 0; part < parts; part++)
    expect((await boot.post("/api/v1/trigger", { readings: { temperature: 71.5 } })).status).toBe(200);
}

const uplink = async (boot: Boot) => (await boot.status()).hub;
const problems = async (boot: Boot) => (await boot.status()).problems.map(({ code }) => code);

it(
  "takes cases and verdicts of a device to the hub, through its limits, a revocation and a new enrolment",
  { timeout: 240_000 },
  async () => {
    const hub = await HubUnderTest.start();
    const engineer = await hub.signIn("engineer");
    const admin = await hub.signIn("admin");
    const station = new Station({
      camera: { ...SMALL_PARTS, partsPerSecond: 50 },
      trigger: { mode: "external", deadlineMs: 10_000 },
      hub: { url: hub.url, cases: { auditShare: 1, image: { format: "png" }, metadata: { lighting: "ring" } } },
    });
    const boot = await station.boot();
    await expect.poll(async () => (await boot.get("/readyz")).status, IN_TIME).toBe(200);
    await inspect(boot, 5);
    await expect.poll(() => uplink(boot), IN_TIME).toMatchObject({ enrolled: false, waiting: 5 });
    expect(await problems(boot)).toContain("hub-not-enrolled");
    await enrolStation(station, hub, engineer);
    await expect.poll(() => uplink(boot), IN_TIME).toMatchObject({ connected: true, waiting: 0, sent: 5 });

    await engineer.send("PATCH", `/api/v1/devices/${DEVICE}`, { dailyCases: 6 });
    await inspect(boot, 3);
    await expect
      .poll(() => uplink(boot), IN_TIME)
      .toMatchObject({ waiting: 2, hold: expect.stringContaining("daily") });
    const storedVerdicts = () => hub.database.query.selectFrom("verdicts").select("id").execute();
    await expect.poll(async () => (await storedVerdicts()).length, IN_TIME).toBe(8);

    expect((await admin.send("POST", `/api/v1/devices/${DEVICE}/revoke`)).status).toBe(200);
    await inspect(boot, 1);
    await expect.poll(() => problems(boot), IN_TIME).toContain("hub-refuses");
    await engineer.send("PATCH", `/api/v1/devices/${DEVICE}`, { dailyCases: 1000 });
    await enrolStation(station, hub, engineer);
    await expect.poll(() => problems(boot), IN_TIME).toEqual([]);
    await expect.poll(async () => (await storedVerdicts()).length, IN_TIME).toBe(9);
    expect(await boot.stop()).toMatchObject({ code: 0 });

    // New limits are heard of within a minute, with the orders, or at a start.
    const again = await station.boot();
    await expect.poll(() => uplink(again), IN_TIME).toMatchObject({ connected: true, waiting: 0 });
    expect(await again.stop()).toMatchObject({ code: 0 });
    const { verdicts } = readLedger(station.dataDirectory);
    const byId = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
    const cases = await hub.database.query.selectFrom("cases").selectAll().execute();
    expect(cases.map(({ id }) => id).sort()).toEqual([...byId.keys()].sort());
    const viewer = await hub.signIn("viewer");
    for (const each of cases) {
      expect(JSON.parse(each.verdict_json)).toEqual(byId.get(each.id));
      expect(JSON.parse(each.metadata_json)).toMatchObject({ lighting: "ring", temperature: 71.5, product: "tiny" });
      expect([each.line, each.selection_probability]).toEqual(["line1", 1]);
      const image = await viewer.get(`/api/v1/cases/${each.id}/image`);
      expect(hash("sha256", new Uint8Array(await image.arrayBuffer()))).toBe(each.image_sha256);
    }
  },
);

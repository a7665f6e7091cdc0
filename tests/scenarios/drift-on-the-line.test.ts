import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DriftAlarm } from "../../src/contracts/drift-alarm.ts";
import type { EscapeCertificate } from "../../src/contracts/model-bundle.ts";
import { DriftStatus } from "../../src/edge/watch/drift-status.ts";
import { readAudit } from "./support/ledger.ts";
import { SMALL_PARTS, Station, temporaryDirectory, TINY_BUNDLE } from "./support/station.ts";

const REFERENCE_FRAMES = 120;

it("alarms when the lamp fails, voids the certificate, and remembers both after a restart", async () => {
  const drift = { from: { part: 200 }, rampParts: 0, lampLoss: 0.3 };
  const camera = { ...SMALL_PARTS, partsPerSecond: 60, lighting: { meanGrey: 140 }, drift };
  const station = new Station({
    camera,
    drift: { referenceFrames: REFERENCE_FRAMES },
    recipes: [{ name: "tiny", model: certifiedBundle() }],
  });
  const first = await station.boot();
  await expect.poll(async () => (await first.status()).drift.state, { timeout: 20_000 }).toBe("watching");
  expect((await first.status()).certificate).toMatchObject({ valid: true });

  await expect.poll(async () => (await first.status()).drift.state, { timeout: 20_000 }).toBe("alarm");
  const { drift: found, certificate, state, problems } = await first.status();
  const [alarm] = found.alarms;
  DriftAlarm.parse(alarm);
  expect(alarm?.sentence).toMatch(/The images have become (darker|blurred|sharper)|look different|Parts look/);
  expect(certificate).toMatchObject({ valid: false });
  expect(state).toBe("degraded");
  expect(problems.map(({ code }) => code)).toContain("drift");
  expect(await first.metric("sightline_drift_alarms_open")).toBeGreaterThan(0);
  expect(await first.metric("sightline_certificate_valid")).toBe(0);
  const picture = await first.get("/api/v1/drift/pictures/reference/0");
  expect(picture.headers.get("content-type")).toBe("image/jpeg");
  expect((await first.get("/api/v1/drift/pictures/reference/60")).status).toBe(404);
  await first.stop();
  expect(readAudit(station.dataDirectory)).toContainEqual(
    expect.objectContaining({ action: "drift", by: "drift-watch" }),
  );

  const second = await station.boot();
  await expect.poll(async () => (await second.status()).drift.alarms, { timeout: 20_000 }).toContainEqual(alarm);
  expect((await second.status()).certificate).toMatchObject({ valid: false });
  expect((await second.post("/api/v1/drift/acknowledge", { by: "" })).status).toBe(400);
  expect((await second.post("/api/v1/drift/acknowledge", { by: "Ada", note: "lamp changed" })).status).toBe(200);
  const after = DriftStatus.parse(await (await second.get("/api/v1/drift")).json());
  expect(after.framesLearnt).toBe(REFERENCE_FRAMES);
  expect((await second.post("/api/v1/drift/relearn", { by: "Ada", note: "new lamp" })).status).toBe(200);
  await expect
    .poll(async () => (await second.status()).drift, { timeout: 20_000 })
    .toMatchObject({ state: "watching", alarms: [] });
  expect((await second.status()).certificate).toMatchObject({ valid: true });
  await second.stop();
  const acts = readAudit(station.dataDirectory).filter(({ by }) => by === "Ada");
  expect(acts.map(({ detail }) => detail)).toMatchObject([{ note: "lamp changed" }, { relearn: true }]);
});

/** The tiny bundle with a certificate; its manifest is in no list of hashes. */
function certifiedBundle(): string {
  const folder = join(temporaryDirectory(), "certified");
  cpSync(TINY_BUNDLE, folder, { recursive: true });
  const path = join(folder, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  const certificate: EscapeCertificate = {
    ...{ maxEscape: 0.01, confidence: 0.95, parts: 400, escapes: 0, passBelow: manifest.decision.passBelow },
    ...{ overkill: null, modelSha256: manifest.files["model.onnx"].sha256, calibrationSetSha256: "00".repeat(32) },
    issuedAt: "2026-01-01T00:00:00Z",
  };
  writeFileSync(path, JSON.stringify({ ...manifest, certificate }));
  return folder;
}

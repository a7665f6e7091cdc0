import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { Verdict } from "../../src/contracts/verdict.ts";
import { Mosquitto } from "../pipeline/publish/mosquitto.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { ROOT, SMALL_PARTS, Station, type Boot } from "./support/station.ts";
import { Subscriber } from "./support/subscriber.ts";

const QUEUE = 8;
const external = (more: object = {}): Record<string, unknown> => ({
  camera: { ...SMALL_PARTS, partsPerSecond: 20 },
  trigger: { mode: "external", queueCapacity: QUEUE, deadlineMs: 3000 },
  ...more,
});

async function trigger(boot: Boot, body: object): Promise<Verdict> {
  const response = await boot.post("/api/v1/trigger", body);
  expect(response.status).toBe(200);
  return Verdict.parse(await response.json());
}

async function untilReady(boot: Boot): Promise<void> {
  await expect.poll(async () => (await boot.get("/readyz")).status, { timeout: 20_000 }).toBe(200);
}

it("answers a trigger of either kind under its part id, and a repeated request with the same verdict, over a restart too", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const station = new Station(external({ mqtt: { url: broker.url, root: ROOT } }));
  const first = await station.boot();
  await expect.poll(() => plc.state?.state, { timeout: 20_000 }).toBe("inspecting");

  await plc.send("trigger", { part: "from-mqtt", id: "request-1" });
  await expect.poll(() => plc.arrivals.map(({ part }) => part), { timeout: 10_000 }).toEqual(["from-mqtt"]);
  const [overMqtt] = plc.arrivals;
  const overHttp = await trigger(first, { part: "from-http", id: "request-2" });
  expect(overHttp).toMatchObject({ part: "from-http", bootSeq: 1, verdictSeq: 2 });
  expect(overHttp.verdict).not.toBe("fault");
  expect(await trigger(first, { part: "from-http", id: "request-2" })).toEqual(overHttp);
  expect(await trigger(first, { part: "from-mqtt", id: "request-1" }), "one request, whichever way it comes").toEqual(
    overMqtt,
  );
  const twins = await Promise.all([trigger(first, { id: "request-3" }), trigger(first, { id: "request-3" })]);
  expect(twins[0]).toEqual(twins[1]);
  expect(await first.stop()).toMatchObject({ code: 0 });

  const second = await station.boot();
  expect(await trigger(second, { part: "from-http", id: "request-2" })).toEqual(overHttp);
  expect(await second.stop()).toMatchObject({ code: 0 });
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  expect(ledger.triggers.map(({ requestId }) => requestId)).toEqual(["request-1", "request-2", "request-3"]);
});

it("answers a burst of a hundred triggers with a hundred verdicts, those beyond the queue as overruns", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const station = new Station(external({ mqtt: { url: broker.url, root: ROOT } }));
  const boot = await station.boot();
  await expect.poll(() => plc.state?.state, { timeout: 20_000 }).toBe("inspecting");
  const parts = Array.from({ length: 50 }, (_, at) => at);
  const [answers] = await Promise.all([
    Promise.all(parts.map((at) => trigger(boot, { part: `http-${at}`, id: `http-${at}` }))),
    Promise.all(parts.map((at) => plc.send("trigger", { part: `mqtt-${at}`, id: `mqtt-${at}` }))),
  ]);
  await expect.poll(() => plc.arrivals.length, { timeout: 20_000 }).toBe(100);
  expect(new Set(plc.arrivals.map(({ part }) => part)).size).toBe(100);
  const faults = plc.arrivals.filter((verdict) => verdict.verdict === "fault");
  expect(new Set(faults.map((fault) => fault.verdict === "fault" && fault.reason))).toEqual(new Set(["overrun"]));
  expect(faults.length).toBeLessThanOrEqual(100 - QUEUE);
  expect(answers.map(({ id }) => plc.byId.get(id))).toEqual(answers);
  expect(await boot.stop()).toMatchObject({ code: 0 });
  expectSquare(readLedger(station.dataDirectory));
});

it("answers a trigger at its own deadline, and survives and counts messages that are none", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const station = new Station(
    external({ mqtt: { url: broker.url, root: ROOT }, camera: { ...SMALL_PARTS, partsPerSecond: 2 } }),
  );
  const boot = await station.boot();
  await expect.poll(() => plc.state?.state, { timeout: 20_000 }).toBe("inspecting");

  const hurried = await trigger(boot, { part: "hurried", deadlineMs: 1 });
  expect(hurried).toMatchObject({ verdict: "fault", reason: "deadline", part: "hurried" });
  expect(hurried.latencyMs.total).toBeLessThan(500);

  const malformed = [
    "",
    "not json",
    "[]",
    '"part"',
    '{"part":5}',
    '{"prat":"a"}',
    '{"deadlineMs":0}',
    `{"part":"${"x".repeat(70_000)}"}`,
  ];
  for (const payload of malformed) await plc.send("trigger", payload);
  await plc.send("trigger", { part: "after", deadlineMs: 10_000 });
  await expect.poll(() => plc.arrivals.at(-1), { timeout: 10_000 }).toMatchObject({ part: "after" });
  const complaints = boot.log.filter(({ msg }) => msg === "a message cannot be read");
  expect(complaints.at(-1)).toMatchObject({ leaf: "trigger", unreadable: malformed.length });
  expect((await boot.status()).broker.unreadable).toBe(malformed.length);
  expect(await boot.metric("sightline_unreadable_messages_total")).toBe(malformed.length);
  const badRequest = await boot.post("/api/v1/trigger", { part: 5 });
  expect(badRequest.status).toBe(400);
  expect(await boot.stop()).toMatchObject({ code: 0 });
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  expect(ledger.triggers.map(({ part }) => part)).toEqual(["hurried", "after"]);
});

it("answers a trigger with a camera fault, well before its deadline, while the camera is gone", async () => {
  const station = new Station(external({ camera: { type: "v4l2", device: "/dev/video-that-is-not-there" } }));
  const boot = await station.boot();
  await expect
    .poll(async () => (await boot.status()).problems.map(({ code }) => code), { timeout: 20_000 })
    .toContain("camera-lost");
  const verdict = await trigger(boot, { part: "unseen", deadlineMs: 20_000 });
  expect(verdict).toMatchObject({ verdict: "fault", reason: "camera", part: "unseen", seq: null, capturedAt: null });
  expect(verdict.latencyMs.total).toBeLessThan(2000);
  expect((await boot.get("/readyz")).status).toBe(503);
  expect(await boot.stop()).toMatchObject({ code: 0 });
  expectSquare(readLedger(station.dataDirectory));
});

it("answers a waiting trigger at once when its camera dies, and judges again when the camera is back", async ({
  skip,
}) => {
  if (spawnSync("which", ["gst-launch-1.0"]).status !== 0) skip("GStreamer is not installed");
  const pipeline = "videotestsrc is-live=true pattern=snow ! video/x-raw,width=160,height=120,framerate=1/2";
  const station = new Station(external({ camera: { type: "gstreamer", pipeline, widthPx: 160, heightPx: 120 } }));
  const boot = await station.boot();
  await untilReady(boot);
  const waiting = trigger(boot, { part: "in view", deadlineMs: 20_000 });
  await expect.poll(async () => (await boot.status()).pendingTriggers, { interval: 5 }).toBe(1);
  const [camera] = boot.children("gst-launch-1.0");
  if (camera === undefined) throw new Error("there is no camera program");
  process.kill(camera, "SIGKILL");
  expect(await waiting).toMatchObject({ verdict: "fault", reason: "camera", part: "in view" });
  await expect
    .poll(async () => (await boot.status()).camera, { timeout: 20_000 })
    .toMatchObject({ state: "ready", restarts: 1 });
  expect(await trigger(boot, { part: "next", deadlineMs: 20_000 })).toMatchObject({
    part: "next",
    class: expect.any(String),
  });
  expect(await boot.stop()).toMatchObject({ code: 0 });
  expectSquare(readLedger(station.dataDirectory));
});

it("answers triggers that come while it stops with a verdict, or not at all, and never twice", async () => {
  const station = new Station(external());
  const boot = await station.boot();
  await untilReady(boot);
  const asked = Array.from({ length: 20 }, (_, at) =>
    boot.post("/api/v1/trigger", { part: `part-${at}` }).catch(() => undefined),
  );
  const exit = boot.stop();
  const answers = (await Promise.all(asked)).filter((response) => response?.status === 200);
  expect(await exit).toMatchObject({ code: 0 });
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  expect(ledger.verdicts.length).toBeGreaterThanOrEqual(answers.length);
});

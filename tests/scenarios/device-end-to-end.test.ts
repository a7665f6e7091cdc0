import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DeviceState } from "../../src/contracts/device-state.ts";
import { Verdict } from "../../src/contracts/verdict.ts";
import { Mosquitto } from "../pipeline/publish/mosquitto.ts";
import { expectGapFree, expectSquare, readLedger } from "./support/ledger.ts";
import { DEVICE, ROOT, Station, temporaryDirectory } from "./support/station.ts";
import { Subscriber } from "./support/subscriber.ts";

it("brings frames to verdicts over a real broker and leaves a square ledger behind at SIGTERM", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const station = new Station({ mqtt: { url: broker.url, root: ROOT } });
  const boot = await station.boot();
  await expect.poll(() => plc.arrivals.length, { timeout: 20_000 }).toBeGreaterThan(20);
  expect(plc.state).toMatchObject({ state: "inspecting", device: DEVICE, bootSeq: 1, recipe: "tiny", provider: "cpu" });
  expect((await boot.get("/readyz")).status).toBe(200);

  const askedAt = performance.now();
  expect(await boot.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - askedAt, "nothing keeps a device that has stopped").toBeLessThan(2000);
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  await expect.poll(() => plc.arrivals.length).toBe(ledger.verdicts.length);
  expect(plc.arrivals).toEqual(ledger.verdicts);
  expectGapFree(plc.arrivals);
  for (const verdict of plc.arrivals) Verdict.parse(verdict);
  for (const state of plc.states) DeviceState.parse(state);
  expect(plc.states.map(({ state }) => state)).not.toContain("not-inspecting");
  expect(plc.arrivals.every(({ model }) => model?.name === "tiny")).toBe(true);

  const later = await Subscriber.connect(broker.url);
  await expect.poll(() => later.states).toMatchObject([{ state: "offline", bootSeq: 1 }]);
  expect(later.arrivals, "a PLC that connects later must not read an old pass").toEqual([]);
});

it("is declared offline by its last will when it is killed, and counts its boots", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const station = new Station({ mqtt: { url: broker.url, root: ROOT } });
  const first = await station.boot();
  await expect.poll(() => plc.state?.state, { timeout: 20_000 }).toBe("inspecting");
  await first.kill();
  // The broker waits a few seconds with the last will, so that a short break does not show as offline.
  await expect.poll(() => plc.state, { timeout: 20_000 }).toMatchObject({ state: "offline", bootSeq: 1 });

  const second = await station.boot();
  expect(second.bootSeq).toBe(2);
  await expect.poll(() => plc.state, { timeout: 20_000 }).toMatchObject({ state: "inspecting", bootSeq: 2 });
});

it("ends with its last part and every verdict delivered when it is asked to stop under full load", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const camera = { type: "simulated", widthPx: 96, heightPx: 96, asFastAsPossible: true };
  const station = new Station({ camera, mqtt: { url: broker.url, root: ROOT } });
  const boot = await station.boot();
  await expect.poll(() => plc.arrivals.length, { timeout: 20_000 }).toBeGreaterThan(200);
  expect(await boot.stop()).toEqual({ code: 0, signal: null });
  const ledger = readLedger(station.dataDirectory);
  expectSquare(ledger);
  expect(ledger.verdicts.filter(({ verdict }) => verdict === "fault")).toEqual([]);
  await expect.poll(() => plc.arrivals.length).toBe(ledger.verdicts.length);
});

it("stops in time and leaves offline behind when it is asked to while its models are still loading", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const boot = new Station({ mqtt: { url: broker.url, root: ROOT } }).begin();
  await expect.poll(() => boot.children("inference-process"), { interval: 5, timeout: 20_000 }).toHaveLength(1);
  for (const pid of boot.children("inference-process")) process.kill(pid, "SIGSTOP"); // it loads for ever
  await expect.poll(() => plc.state?.state, { timeout: 20_000 }).toBe("starting");
  const askedAt = performance.now();
  expect(await boot.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(15_000);
  expect(boot.text()).not.toContain("recipe is refused");
  await expect.poll(() => plc.state?.state).toBe("offline");
});

it("stops in time and leaves offline behind while a file server does not answer", async () => {
  const broker = await Mosquitto.start();
  const plc = await Subscriber.connect(broker.url);
  const path = temporaryDirectory();
  execFileSync("mkfifo", [join(path, "hung.jpg")]); // nobody writes to it: reading it waits in the kernel
  const boot = await new Station({ camera: { type: "directory", path }, mqtt: { url: broker.url, root: ROOT } }).boot();
  await expect.poll(() => plc.state?.problems.map(({ code }) => code), { timeout: 20_000 }).toEqual(["camera-opening"]);
  const askedAt = performance.now();
  await boot.stop(); // Node waits for a thread in the kernel for ever; the device does not
  expect(performance.now() - askedAt).toBeLessThan(15_000);
  expect(boot.text()).toContain("device has stopped");
  await expect.poll(() => plc.state?.state).toBe("offline");
});

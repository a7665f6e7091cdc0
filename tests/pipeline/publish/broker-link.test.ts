import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { TriggerRequest } from "../../../src/contracts/trigger.ts";
import type { BrokerLinkParts } from "../../../src/pipeline/publish/broker-link.ts";
import { EmbeddedBroker } from "../../../src/edge/embedded-broker.ts";
import { clientOf, Mosquitto } from "./mosquitto.ts";
import { DEVICE, deviceState, linkTo, ROOT } from "./open-link.ts";

const topic = (leaf: string): string => `${ROOT}/${DEVICE}/${leaf}`;

describe("the broker link", () => {
  it("says in a sentence that there is no broker, and connects when there is one", async () => {
    const broker = await Mosquitto.prepare();
    const link = linkTo(broker.url.replace("mqtt://", "mqtt://ann:secret@"));
    await link.start();
    await expect.poll(() => link.status().lastError).toMatch(/nothing listens at that address/);
    expect(JSON.stringify(link.status())).not.toContain("secret");
    link.publishLatest("state", deviceState("starting"));
    link.publishLatest("state", deviceState("inspecting"));
    await broker.start();
    await expect
      .poll(() => link.status(), { timeout: 10_000 })
      .toMatchObject({ connected: true, protocol: "MQTT 5", lastError: null });
    const watcher = await clientOf(broker.url);
    const seen: unknown[] = [];
    watcher.on("message", (_topic, payload, packet) =>
      seen.push([JSON.parse(payload.toString()).state, packet.retain]),
    );
    await watcher.subscribeAsync(topic("state"), { qos: 1 });
    await expect.poll(() => seen).toEqual([["inspecting", true]]);
    await link.stop();
    await expect
      .poll(() => seen)
      .toEqual([
        ["inspecting", true],
        ["offline", false],
      ]);
  });

  it("falls back to MQTT 3.1.1 for a broker without MQTT 5", async () => {
    const broker = new EmbeddedBroker(0);
    await broker.start();
    const link = linkTo(broker.url);
    await link.start();
    await expect
      .poll(() => link.status(), { timeout: 10_000 })
      .toMatchObject({ connected: true, protocol: "MQTT 3.1.1" });
    await link.stop();
    await broker.stop();
  });

  it("tells the broker that a trigger arrived only once it is on disk, and gets it again after a crash", async () => {
    const broker = await Mosquitto.start();
    const arrivals: [TriggerRequest, boolean][] = [];
    const crashing = linkTo(broker.url, {
      onTrigger: (request, { late }) => {
        arrivals.push([request, late]);
        return new Promise(() => undefined); // never on disk
      },
    });
    await crashing.start();
    await expect.poll(() => crashing.status().connected).toBe(true);
    const plc = await clientOf(broker.url);
    await expect
      .poll(async () => {
        if (arrivals.length === 0)
          await plc.publishAsync(topic("trigger"), JSON.stringify({ id: "plc-1", part: "tile-1" }), { qos: 1 });
        return arrivals.length;
      })
      .toBeGreaterThan(0);
    const before = arrivals.length;
    expect(arrivals[0]).toEqual([{ schema: 1, id: "plc-1", part: "tile-1" }, false]);
    crashing.connection?.abort();
    await expect.poll(() => arrivals.length, { timeout: 10_000 }).toBeGreaterThan(before);
    expect(arrivals[before]).toEqual([{ schema: 1, id: "plc-1", part: "tile-1" }, true]);
  });

  it("does not hold up other traffic while triggers wait for the disk, and acknowledges in order", async () => {
    const broker = await Mosquitto.start();
    const open: (() => void)[] = [];
    const link = linkTo(broker.url, { onTrigger: () => new Promise((resolve) => open.push(resolve)) });
    await link.start();
    await expect.poll(() => link.status().connected).toBe(true);
    const plc = await clientOf(broker.url);
    const replies: string[] = [];
    plc.on("message", (_topic, payload) => replies.push(JSON.parse(payload.toString()).id));
    await plc.subscribeAsync(topic("command/reply"));
    await expect
      .poll(async () => {
        await plc.publishAsync(topic("trigger"), "{}", { qos: 1 });
        return open.length;
      })
      .toBeGreaterThan(2);
    await plc.publishAsync(topic("command"), JSON.stringify({ id: "c1", command: "ping" }), { qos: 1 });
    await expect.poll(() => replies).toEqual(["c1"]);
    for (const onDisk of open) onDisk();
  });

  it("answers commands at the response topic with the correlation data, but never in a device's name", async () => {
    const broker = await Mosquitto.start();
    const link = linkTo(broker.url);
    await link.start();
    const caller = await clientOf(broker.url);
    await caller.subscribeAsync([`${ROOT}/+/verdict`, topic("command/reply"), "callers/ann"], { qos: 1 });
    const call = async (responseTopic: string, payload: string): Promise<unknown> => {
      const answered = once(caller, "message");
      const properties = { responseTopic, correlationData: Buffer.from("n1") };
      await caller.publishAsync(topic("command"), payload, { qos: 1, properties });
      const [at, answer, packet] = await answered;
      return [at, JSON.parse(String(answer)), String(packet.properties?.correlationData)];
    };
    await expect.poll(() => link.status().connected).toBe(true);
    const ping = JSON.stringify({ id: "c1", command: "ping" });
    await new Promise<void>((resolve) => {
      const again = setInterval(() => caller.publish(topic("command"), ping, { qos: 1 }), 50);
      caller.once("message", () => resolve(clearInterval(again)));
    });
    const done = { schema: 1, id: "c1", ok: true, message: "done" };
    expect(await call("callers/ann", ping)).toEqual(["callers/ann", done, "n1"]);
    expect(await call(`${ROOT}/other/verdict`, ping)).toEqual([topic("command/reply"), done, "n1"]);
    expect(await call("callers/ann", '{"id":"c2","command":"reboot"}')).toMatchObject([
      "callers/ann",
      { id: "c2", ok: false },
      "n1",
    ]);
    expect(await call("callers/ann", "{")).toMatchObject([
      "callers/ann",
      { id: null, ok: false, message: "The message is not JSON." },
      "n1",
    ]);
    expect(link.status().unreadable).toBe(2);
  });

  it("names a wrong password", async () => {
    const broker = await Mosquitto.start(["allow_anonymous false"]);
    const link = linkTo(broker.url, {}, { username: "ann", password: "wrong" });
    await link.start();
    await expect
      .poll(() => link.status().lastError)
      .toMatch(/does not admit this device|user name or password is wrong/);
  });

  it("checks the broker's certificate, and names what is missing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sightline-tls-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
    const subject = ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"];
    const request = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      certificate,
    ];
    execFileSync("openssl", [...request, ...subject], { stdio: "pipe" });
    const broker = await Mosquitto.start([`certfile ${certificate}`, `keyfile ${key}`]);
    const url = broker.url.replace("mqtt:", "mqtts:");
    const trusting = linkTo(url, {}, { caPath: certificate });
    await trusting.start();
    await expect.poll(() => trusting.status().connected, { timeout: 10_000 }).toBe(true);
    await trusting.stop();
    const wary = linkTo(url);
    await wary.start();
    await expect
      .poll(() => wary.status().lastError)
      .toMatch(/certificate is self-signed: name its authority in mqtt.caFile/);
    const mistaken = linkTo(url, {}, { caPath: join(folder, "none.pem") });
    await mistaken.start();
    await expect.poll(() => mistaken.status().lastError).toMatch(/none.pem cannot be read/);
  });

  it("takes a retained trigger for late and does not obey a retained command: both come again at each connect", async () => {
    const broker = await Mosquitto.start();
    const plc = await clientOf(broker.url);
    const replies: unknown[] = [];
    plc.on("message", (_topic, payload) => replies.push(JSON.parse(payload.toString())));
    await plc.subscribeAsync(topic("command/reply"), { qos: 1 });
    const kept = { qos: 1, retain: true } as const;
    await plc.publishAsync(topic("trigger"), JSON.stringify({ part: "kept" }), kept);
    await plc.publishAsync(topic("command"), JSON.stringify({ id: "c-1", command: "recipe", recipe: "old" }), kept);
    const seen: [string | undefined, boolean][] = [];
    const obeyed: unknown[] = [];
    const link = linkTo(broker.url, {
      onTrigger: async ({ part }, { late }) => void seen.push([part, late]),
      onCommand: async (command) => {
        obeyed.push(command);
        return { schema: 1, id: command.id, ok: true, message: "" };
      },
    });
    await link.start();
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual([["kept", true]]);
    await expect
      .poll(() => replies)
      .toMatchObject([{ id: "c-1", ok: false, message: expect.stringContaining("retain") }]);
    expect(obeyed).toEqual([]);
  });

  it("calls triggers late that waited at the broker while the device was away", async () => {
    const broker = await Mosquitto.start();
    const seen: [string | undefined, boolean][] = [];
    const onTrigger: BrokerLinkParts["onTrigger"] = async ({ part }, { late }) => void seen.push([part, late]);
    const link = linkTo(broker.url, { onTrigger });
    await link.start();
    const plc = await clientOf(broker.url);
    const send = (part: string) => plc.publishAsync(topic("trigger"), JSON.stringify({ part }), { qos: 1 });
    await expect.poll(async () => (await send("live"), seen.length)).toBeGreaterThan(0);
    await link.stop();
    const before = seen.length;
    for (const part of ["away-1", "away-2"]) await send(part);
    const again = linkTo(broker.url, { onTrigger });
    await again.start();
    await expect
      .poll(() => seen.slice(before))
      .toEqual([
        ["away-1", true],
        ["away-2", true],
      ]);
    await new Promise((resolve) => setTimeout(resolve, 400)); // the pause that ends what was kept
    await send("now");
    await expect.poll(() => seen.at(-1)).toEqual(["now", false]);
    expect(new Set(seen.slice(0, before).map(([, late]) => late))).toEqual(new Set([false]));
  });
});

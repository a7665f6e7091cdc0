import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { checkHub } from "../../../src/edge/doctor/hub-check.ts";
import { checkBroker, checkHttp, checkRejectSignal } from "../../../src/edge/doctor/network-checks.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { configFor } from "./config-for.ts";

let folder: string;
const running: (ChildProcess | Server)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sightline-network-"));
});
afterEach(async () => {
  for (const each of running.splice(0)) {
    if ("kill" in each) {
      if (each.exitCode === null) await Promise.all([once(each, "exit"), each.kill("SIGKILL")]);
    } else each.close();
  }
  await rm(folder, { recursive: true, force: true });
});

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  running.push(server);
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startMosquitto(): Promise<number> {
  const port = await freePort();
  const hashed = spawn("mosquitto_passwd", ["-b", "-c", join(folder, "passwords"), "device", "right"]);
  const [code] = (await once(hashed, "exit").catch(() => [1])) as [number];
  expect(code).toBe(0);
  await writeFile(
    join(folder, "mosquitto.conf"),
    `listener ${port} 127.0.0.1\nallow_anonymous false\nuser root\npassword_file ${join(folder, "passwords")}\n`,
  );
  const broker = spawn("mosquitto", ["-c", join(folder, "mosquitto.conf")], { stdio: "ignore" });
  running.push(broker);
  await vi.waitFor(
    async () => {
      const socket = await import("node:net").then(({ connect }) => connect(port, "127.0.0.1"));
      await once(socket, "connect").finally(() => socket.destroy());
    },
    { timeout: 5_000 },
  );
  return port;
}

const brokerYaml = (port: number): string =>
  `mqtt: { url: "mqtt://127.0.0.1:${port}", root: a/b, username: device, password: { env: BROKER_PASSWORD } }`;

describe("the broker", () => {
  test("lets the right password in and a wrong one not", async () => {
    const port = await startMosquitto();
    const config = configFor(folder, brokerYaml(port));
    expect(await checkBroker(config, { BROKER_PASSWORD: "right" })).toMatchObject({
      level: "ok",
      sentence: expect.stringContaining("MQTT 5"),
    });
    const refused = await checkBroker(config, { BROKER_PASSWORD: "wrong" });
    expect(refused).toMatchObject({ level: "failure", sentence: expect.stringMatching(/user name|password|admit/) });
    expect(refused.sentence).not.toContain('wrong"');
  });
  test("that is away is a failure with its remedy", async () => {
    const config = configFor(folder, brokerYaml(await freePort()));
    expect(await checkBroker(config, { BROKER_PASSWORD: "x" })).toMatchObject({
      level: "failure",
      sentence: expect.stringContaining("nothing listens"),
      remedy: expect.stringContaining("wait on disk"),
    });
  });
  test("whose password is not set is a failure that names the variable", async () => {
    expect((await checkBroker(configFor(folder, brokerYaml(1)), {})).sentence).toContain("BROKER_PASSWORD is not set");
  });
  test("that nobody configured is a warning", async () => {
    expect((await checkBroker(configFor(folder), {})).level).toBe("warning");
  });
});

test("a hub is said to acknowledge over the broker", async () => {
  expect((await checkHub(configFor(folder), systemClock)).level).toBe("ok");
  expect((await checkHub(configFor(folder, `hub: {}\n${brokerYaml(1)}`), systemClock)).level).toBe("ok");
});

describe("the reject signal", () => {
  const modbusYaml = (port: number): string =>
    `rejectSignal: { type: modbus, host: 127.0.0.1, port: ${port}, passCoil: 3 }`;
  test("is read, never written", async () => {
    const script = fileURLToPath(new URL("../reject-signal/remote-io.ts", import.meta.url));
    const io = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    running.push(io);
    let said = "";
    io.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await vi.waitFor(() => expect(said).toContain("port"), { timeout: 5_000 });
    const { port } = JSON.parse(said) as { port: number };
    expect(await checkRejectSignal(configFor(folder, modbusYaml(port)), systemClock)).toMatchObject({ level: "ok" });
    expect(said).not.toContain("coil");
  });
  test("that is away is a failure", async () => {
    const finding = await checkRejectSignal(configFor(folder, modbusYaml(await freePort())), systemClock);
    expect(finding).toMatchObject({
      level: "failure",
      sentence: expect.stringContaining("ECONNREFUSED"),
      remedy: expect.stringContaining("every part is rejected"),
    });
  });
  test("on a chip that is not there is a failure", async () => {
    const finding = await checkRejectSignal(
      configFor(folder, "rejectSignal: { type: gpio, chip: gpiochip99, passLine: 1 }"),
      systemClock,
    );
    expect(finding.level).toBe("failure");
  });
});

describe("the HTTP port", () => {
  const httpYaml = (port: number, host = "127.0.0.1"): string => `http: { host: ${host}, port: ${port} }`;
  test("that is free is fine, and stays free", async () => {
    const config = configFor(folder, httpYaml(await freePort()));
    expect((await checkHttp(config, {})).level).toBe("ok");
    expect((await checkHttp(config, {})).level).toBe("ok");
  });
  test("that another program has is a failure", async () => {
    const port = await listening(createServer((socket) => socket.end("SSH-2.0\n")));
    expect(await checkHttp(configFor(folder, httpYaml(port)), {})).toMatchObject({
      level: "failure",
      remedy: expect.stringContaining(`sport = :${port}`),
    });
  });
  test("on which a device answers is fine", async () => {
    const port = await listening(createHttpServer((_, reply) => reply.end('{"device":"t1"}')));
    expect(await checkHttp(configFor(folder, httpYaml(port)), {})).toMatchObject({
      level: "ok",
      sentence: expect.stringContaining("runs there already"),
    });
  });
  test("open to the network without a token is a warning, of a foreign address a failure", async () => {
    expect((await checkHttp(configFor(folder, httpYaml(await freePort(), "0.0.0.0")), {})).level).toBe("warning");
    expect((await checkHttp(configFor(folder, httpYaml(8080, "192.0.2.1")), {})).level).toBe("failure");
  });
  test("whose token is missing is a failure", async () => {
    const config = configFor(folder, `http: { port: ${await freePort()}, writeToken: { env: TOKEN } }`);
    expect((await checkHttp(config, {})).sentence).toContain("TOKEN is not set");
  });
});

import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SightlineError } from "../contracts/errors.ts";
import { startDevice } from "../edge/device.ts";
import type { DeviceConfig } from "../edge/device-config.ts";
import { EmbeddedBroker } from "../edge/embedded-broker.ts";
import { loadDeviceConfig } from "../edge/load-config.ts";
import { systemClock } from "../platform/clock.ts";
import { createLogger } from "../platform/logger.ts";
import { untilStopped } from "../platform/stop-signals.ts";
import type { Command } from "./command.ts";
import { parseCommandLine } from "./command-line.ts";

const HELP = `usage: sightline demo [--port N] [--broker-port N]

Broker and one device on the simulated line, on this machine, until Ctrl-C. What npm start runs.

  --port N          status page (default 8080; another one when it is taken)
  --broker-port N   MQTT broker (default 1883; another one when it is taken)
`;

/** The repository's root, two folders above src/commands as above dist/commands. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HOST = "127.0.0.1";

export const demo: Command = {
  name: "demo",
  summary: "broker and one device on the simulated line: what npm start runs",
  async run(args) {
    const options = parseCommandLine(args, {
      port: { type: "string", default: "8080" },
      "broker-port": { type: "string", default: "1883" },
    });
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const port = portNumber(options.port, "port");
    const broker = new EmbeddedBroker(await freePort(portNumber(options["broker-port"], "broker-port")));
    await broker.start();
    try {
      await runUntilStopped(broker.url, port);
    } finally {
      await broker.stop();
    }
    return 0;
  },
};

async function runUntilStopped(brokerUrl: string, port: number): Promise<void> {
  const log = createLogger({ level: "info", format: "auto" });
  const stop = new AbortController();
  const stopped = untilStopped().finally(() => stop.abort());
  const profile = await loadDeviceConfig(join(ROOT, "firmware-config", "simulated.yaml"));
  const config = await demoConfig(profile, brokerUrl, port);
  const parts = { clock: systemClock, log, random: Math.random, environment: process.env, stop: stop.signal };
  const device = await startDevice(config, parts).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  if (device !== undefined) process.stdout.write(announcement(device.url, brokerUrl, config));
  await stopped;
  process.stdout.write("\nstopping …\n");
  await device?.stop();
}

function portNumber(text: string, option: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new SightlineError("USAGE", `--${option} takes a port from 0 (any free one) to 65535, not "${text}"`);
}

async function demoConfig(profile: DeviceConfig, brokerUrl: string, port: number): Promise<DeviceConfig> {
  const dataDirectory = join(ROOT, "data", "demo");
  await mkdir(dataDirectory, { recursive: true });
  const mqtt = profile.mqtt === null ? null : { ...profile.mqtt, url: brokerUrl };
  return { ...profile, dataDirectory, mqtt, http: { ...profile.http, host: HOST, port: await freePort(port) } };
}

function announcement(statusUrl: string, brokerUrl: string, { mqtt, device }: DeviceConfig): string {
  return `
  sightline is inspecting a simulated line.

  status page   ${statusUrl}
  HTTP API      ${statusUrl}/api/docs
  MQTT broker   ${brokerUrl}   (verdicts on ${mqtt?.root ?? ""}/${device}/verdict)

  Ctrl-C stops it.

`;
}

/** `wanted` when it is free, else one the system chooses. */
async function freePort(wanted: number): Promise<number> {
  const tryPort = (port: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(undefined));
      server.listen(port, HOST, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === "object" && address !== null ? address.port : undefined));
      });
    });
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted;
}

import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SightlineError } from "../contracts/errors.ts";
import { startDevice } from "../edge/device.ts";
import type { DeviceConfig } from "../edge/device-config.ts";
import { HubConfig } from "../edge/hub-config.ts";
import { EmbeddedBroker } from "../edge/embedded-broker.ts";
import { loadDeviceConfig } from "../edge/load-config.ts";
import { systemClock } from "../platform/clock.ts";
import { createLogger } from "../platform/logger.ts";
import { untilStopped } from "../platform/stop-signals.ts";
import type { Command } from "./command.ts";
import { parseCommandLine } from "./command-line.ts";
import { type DemoHub, enrolDemoDevice, startDemoHub } from "./demo/demo-hub.ts";

const HELP = `usage: sightline demo [--port N] [--hub-port N] [--broker-port N]

Broker, hub and one device on the simulated line, on this machine, until Ctrl-C. What npm start runs.

  --port N          status page (default 8080; another one when it is taken)
  --hub-port N      hub (default 8090; another one when it is taken)
  --broker-port N   MQTT broker (default 1883; another one when it is taken)
`;

/** The repository's root, two folders above src/commands as above dist/commands. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HOST = "127.0.0.1";
const DIRECTORY = join(ROOT, "data", "demo");

export const demo: Command = {
  name: "demo",
  summary: "broker, hub and one device on the simulated line: what npm start runs",
  async run(args) {
    const options = parseCommandLine(args, {
      port: { type: "string", default: "8080" },
      "hub-port": { type: "string", default: "8090" },
      "broker-port": { type: "string", default: "1883" },
    });
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const port = portNumber(options.port, "port");
    const hubPort = portNumber(options["hub-port"], "hub-port");
    const broker = new EmbeddedBroker(await freePort(portNumber(options["broker-port"], "broker-port")));
    await broker.start();
    try {
      await runUntilStopped(broker.url, port, hubPort);
    } finally {
      await broker.stop();
    }
    return 0;
  },
};

async function runUntilStopped(brokerUrl: string, port: number, hubPort: number): Promise<void> {
  const log = createLogger({ level: "info", format: "auto" });
  const stop = new AbortController();
  const stopped = untilStopped().finally(() => stop.abort());
  const parts = { clock: systemClock, log, random: Math.random, environment: process.env, stop: stop.signal };
  const hub = await startDemoHub(DIRECTORY, await freePort(hubPort), parts);
  try {
    const profile = await loadDeviceConfig(join(ROOT, "firmware-config", "simulated.yaml"));
    const config = await demoConfig(profile, { brokerUrl, hubUrl: hub.url, port });
    await enrolDemoDevice(hub, { name: config.device, dataDirectory: config.dataDirectory }, DIRECTORY, parts);
    const device = await startDevice(config, parts).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    if (device !== undefined) process.stdout.write(announcement(device.url, brokerUrl, hub, config));
    await stopped;
    process.stdout.write("\nstopping …\n");
    await device?.stop();
  } finally {
    await hub.stop();
  }
}

function portNumber(text: string, option: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new SightlineError("USAGE", `--${option} takes a port from 0 (any free one) to 65535, not "${text}"`);
}

interface DemoPlaces {
  readonly brokerUrl: string;
  readonly hubUrl: string;
  readonly port: number;
}

async function demoConfig(profile: DeviceConfig, { brokerUrl, hubUrl, port }: DemoPlaces): Promise<DeviceConfig> {
  await mkdir(DIRECTORY, { recursive: true });
  const mqtt = profile.mqtt === null ? null : { ...profile.mqtt, url: brokerUrl };
  const hub = { ...HubConfig.parse({}), url: hubUrl };
  const http = { ...profile.http, host: HOST, port: await freePort(port) };
  return { ...profile, dataDirectory: DIRECTORY, mqtt, hub, http };
}

function announcement(statusUrl: string, brokerUrl: string, hub: DemoHub, { mqtt, device }: DeviceConfig): string {
  return `
  sightline is inspecting a simulated line.

  status page   ${statusUrl}
  workbench     ${hub.url}   (sign in as ${hub.person.name}, password ${hub.person.password})
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

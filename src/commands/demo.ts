import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import { type RunningDevice, startDevice } from "../edge/device.ts";
import type { DeviceConfig } from "../edge/device-config.ts";
import { EmbeddedBroker } from "../edge/embedded-broker.ts";
import { loadDeviceConfig } from "../edge/load-config.ts";
import { systemClock } from "../platform/clock.ts";
import { createLogger, type Logger } from "../platform/logger.ts";
import { untilStopped } from "../platform/stop-signals.ts";
import type { Command } from "./command.ts";
import { parseCommandLine } from "./command-line.ts";
import { type DemoHub, enrolDemoDevice, PROJECT, startDemoHub } from "./demo/demo-hub.ts";
import { demoDevice, demoDirectory, loopDevice, secondStation } from "./demo/demo-line.ts";
import { DemoReleases } from "./demo/demo-releases.ts";
import { labelByTruth } from "./demo/label-by-truth.ts";
import { LoopDesk } from "./demo/loop-desk.ts";
import { beginAnew, readLoopRecord, writeLoopRecord } from "./demo/loop-record.ts";
import type { LoopEvent } from "./demo/loop-step.ts";
import { startSecondStation } from "./demo/second-station.ts";
import { turnLoop } from "./demo/turn-loop.ts";

const HELP = `usage: sightline demo [options]

Broker, hub and a device on the simulated line, on this machine, until Ctrl-C. What npm start runs. In its first minutes
it turns the loop once: the line drifts, the device raises an alarm, cases go to the hub and are labelled from the simulator's
ground truth, a new model is trained, signed, tried beside the old one, and put on the line and on that of a second device.
docs/loop.md tells of it.

  --loop WHEN       auto (once, the first time) or off: the line as it is (default auto)
  --fresh           forget the last demonstration and begin anew
  --data DIR        where everything is kept (default data/demo)
  --json            one JSON line on stdout for each step of the loop

  --port N          status page (default 8080; another one when it is taken)
  --hub-port N      hub (default 8090; another one when it is taken)
  --broker-port N   MQTT broker (default 1883; another one when it is taken)
`;

/** The repository's root, two folders above src/commands as above dist/commands. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HOST = "127.0.0.1";

export const demo: Command = {
  name: "demo",
  summary: "broker, hub and a device on the simulated line: what npm start runs",
  async run(args) {
    const options = parseCommandLine(args, {
      port: { type: "string", default: "8080" },
      "hub-port": { type: "string", default: "8090" },
      "broker-port": { type: "string", default: "1883" },
      loop: { type: "string", default: "auto" },
      data: { type: "string", default: demoDirectory(ROOT) },
      fresh: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    });
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    if (options.loop !== "auto" && options.loop !== "off") {
      throw new SightlineError("USAGE", `--loop takes auto or off, not "${options.loop}"`);
    }
    const port = portNumber(options.port, "port");
    const hubPort = portNumber(options["hub-port"], "hub-port");
    const { loop, fresh, json } = options;
    const directory = resolve(options.data);
    const broker = new EmbeddedBroker(await freePort(portNumber(options["broker-port"], "broker-port")));
    await broker.start();
    try {
      await runUntilStopped({ brokerUrl: broker.url, port, hubPort, directory, loop: loop === "auto", fresh, json });
    } finally {
      await broker.stop();
    }
    return 0;
  },
};

interface Wish {
  readonly brokerUrl: string;
  readonly port: number;
  readonly hubPort: number;
  readonly directory: string;
  readonly loop: boolean;
  readonly fresh: boolean;
  readonly json: boolean;
}

async function runUntilStopped(wish: Wish): Promise<void> {
  const { directory, brokerUrl } = wish;
  const log = createLogger({ level: "info", format: "auto" });
  const stop = new AbortController();
  const stopped = untilStopped().finally(() => stop.abort());
  const parts = { clock: systemClock, log, random: Math.random, environment: process.env, stop: stop.signal };
  const before = await readLoopRecord(directory);
  if (wish.fresh || before === "broken-off") {
    if (before === "broken-off")
      log.info({ directory }, "the last demonstration was stopped within its loop; it begins anew");
    await beginAnew(directory);
  }
  const hasTurned = !wish.fresh && before === "turned";
  await mkdir(directory, { recursive: true });
  const releases = new DemoReleases(directory);
  const profile = await loadDeviceConfig(join(ROOT, "firmware-config", "simulated.yaml"));
  const model = profile.recipes[0]?.model ?? "";
  const places = { directory, port: await freePort(wish.hubPort), model, releases };
  const hub = await startDemoHub(places, parts);
  try {
    const at = { dataDirectory: directory, brokerUrl, hubUrl: hub.url, host: HOST, port: await freePort(wish.port) };
    const plain = demoDevice(profile, at);
    const config = wish.loop || hasTurned ? loopDevice(plain, releases, hasTurned) : plain;
    await enrolDemoDevice(hub, { name: config.device, dataDirectory: directory }, places, parts);
    const device = await startDevice(config, parts).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    let second: RunningDevice | undefined;
    if (device !== undefined) {
      const text = announcement(device.url, brokerUrl, hub, config);
      if (wish.json) process.stderr.write(text);
      else process.stdout.write(text);
      if (config !== plain) {
        second = await startSecondStation(secondStation(config, join(directory, "station-2")), hub, places, parts);
        if (!hasTurned) await writeLoopRecord(directory, false);
        const run = { config, hub, deviceUrl: device.url, releases, signal: stop.signal, wish, log };
        void goOn(run, "the simulator's labels stop", labelAll);
        if (!hasTurned) void goOn(run, "the loop of the demonstration stands still", runLoop);
      }
    }
    await stopped;
    process.stderr.write("\nstopping …\n");
    await Promise.all([device?.stop(), second?.stop()]);
  } finally {
    await hub.stop();
  }
}

interface LoopRun {
  readonly config: DeviceConfig;
  readonly hub: DemoHub;
  readonly deviceUrl: string;
  readonly releases: DemoReleases;
  readonly signal: AbortSignal;
  readonly wish: Wish;
  readonly log: Logger;
}

/** What fails says why; the line goes on. */
async function goOn(run: LoopRun, sentence: string, work: (run: LoopRun) => Promise<void>): Promise<void> {
  try {
    await work(run);
  } catch (error) {
    if (!run.signal.aborted) run.log.error({ reason: messageOf(error) }, sentence);
  }
}

async function labelAll({ config: { camera }, hub, signal }: LoopRun): Promise<void> {
  if (camera.type !== "simulated") return;
  const desk = new LoopDesk(PROJECT, systemClock, signal);
  const { url: hubUrl, simulator } = hub;
  await labelByTruth({ hubUrl, simulator, line: camera, desk, clock: systemClock, signal });
}

async function runLoop({ config, hub, deviceUrl, releases, signal, wish }: LoopRun): Promise<void> {
  const { camera, device } = config;
  if (camera.type !== "simulated") return;
  const tell = (event: LoopEvent): void => {
    process.stdout.write(
      wish.json ? `${JSON.stringify(event)}\n` : `  loop: ${event.step.padEnd(8)} ${event.sentence}\n`,
    );
  };
  const desk = new LoopDesk(PROJECT, systemClock, signal);
  await turnLoop({
    ...{ hubUrl: hub.url, deviceUrl, device, person: hub.person, labelledBy: hub.simulator.name, line: camera },
    ...{ inputPx: hub.inputPx, releases, desk, clock: systemClock, signal, tell },
  });
  await writeLoopRecord(wish.directory, true);
}

function portNumber(text: string, option: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new SightlineError("USAGE", `--${option} takes a port from 0 (any free one) to 65535, not "${text}"`);
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

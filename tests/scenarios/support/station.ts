import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { DeviceStatus } from "../../../src/edge/status/device-view.ts";

export const CLI = fileURLToPath(new URL("../../../src/cli.ts", import.meta.url));
export const TINY_BUNDLE = fileURLToPath(new URL("../../fixtures/tiny-bundle", import.meta.url));
export const ROOT = "enterprise/site/area/line";
export const DEVICE = "station-1";

/** A small simulated part, so that the line is fast on any machine. */
export const SMALL_PARTS = { type: "simulated", widthPx: 96, heightPx: 96 } as const;

/** One line of the device's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "sightline-scenario-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A device's folder and configuration; each `boot` is a process of its own on them. */
export class Station {
  readonly directory: string;
  readonly dataDirectory: string;
  readonly #configPath: string;

  /** `config` is laid over a device with the tiny model on one CPU process; JSON is YAML too. */
  constructor(config: Readonly<Record<string, unknown>>) {
    this.directory = temporaryDirectory();
    this.dataDirectory =
      typeof config["dataDirectory"] === "string" ? config["dataDirectory"] : join(this.directory, "data");
    this.#configPath = join(this.directory, "device.yaml");
    const defaults = {
      device: DEVICE,
      dataDirectory: this.dataDirectory,
      camera: { ...SMALL_PARTS, partsPerSecond: 20 },
      recipes: [{ name: "tiny", model: TINY_BUNDLE }],
      inference: { provider: "cpu", processes: 1 },
      http: { port: 0 },
    };
    writeFileSync(this.#configPath, JSON.stringify({ ...defaults, ...config }, null, 2));
  }

  /** Resolves when the device says that it is up. */
  async boot(): Promise<Boot> {
    const boot = Boot.spawn(["edge", "--config", this.#configPath]);
    await boot.up;
    return boot;
  }

  /** Resolves as soon as the process exists. */
  begin(): Boot {
    return Boot.spawn(["edge", "--config", this.#configPath]);
  }
}

export interface SpawnOptions {
  /** Log line with which the process says that it is up. */
  readonly upMessage?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** One life of a device's or hub's process; killed when the test ends. */
export class Boot {
  readonly process: ChildProcess;
  readonly log: LogLine[] = [];
  readonly exit: Promise<Exit>;
  /** Resolves at "device is up"; rejects when the process ends before. */
  readonly up: Promise<void>;
  url = "";
  bootSeq = 0;

  private constructor(child: ChildProcess, upMessage: string) {
    this.process = child;
    this.exit = once(child, "close").then(([code, signal]) => ({ code, signal }));
    onTestFinished(() => this.kill());
    this.up = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on("line", (text) => {
          const line = asLogLine(text);
          this.log.push(line);
          if (line.msg !== upMessage) return;
          this.url = String(line["url"]);
          this.bootSeq = Number(line["bootSeq"]);
          resolve();
        });
      }
      void this.exit.then((exit) => reject(new Error(`the process ended (${JSON.stringify(exit)}): ${this.text()}`)));
    });
    this.up.catch(() => undefined); // who waits for it sees it
  }

  static spawn(args: readonly string[], { upMessage = "device is up", environment = {} }: SpawnOptions = {}): Boot {
    const env = { ...process.env, ...environment };
    return new Boot(spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"], env }), upMessage);
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error("the device process did not start");
    return this.process.pid;
  }

  text(): string {
    return this.log.map((line) => JSON.stringify(line)).join("\n");
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.exit;
  }

  /** SIGTERM, as systemd sends it. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> {
    this.process.kill(signal);
    return this.exit;
  }

  async status(): Promise<DeviceStatus> {
    return (await this.get("/api/v1/status")).json() as Promise<DeviceStatus>;
  }

  get(path: string): Promise<Response> {
    return fetch(this.url + path, { signal: AbortSignal.timeout(10_000) });
  }

  post(path: string, body: object | Uint8Array<ArrayBuffer>): Promise<Response> {
    const image = body instanceof Uint8Array;
    const headers = { "content-type": image ? "application/octet-stream" : "application/json" };
    return fetch(this.url + path, { method: "POST", headers, body: image ? body : JSON.stringify(body) });
  }

  /** The value of a metric without labels, or the sum over its labels. */
  async metric(name: string): Promise<number> {
    const lines = (await (await this.get("/metrics")).text()).split("\n");
    const values = lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (values.length === 0) throw new Error(`there is no metric ${name}`);
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  /** Children that run a program with `name` in its command line. */
  children(name: string): number[] {
    const tasks = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8").trim();
    const pids = tasks === "" ? [] : tasks.split(" ").map(Number);
    return pids.filter((pid) => commandLine(pid).includes(name));
  }

  rssBytes(): number {
    return Number(readFileSync(`/proc/${this.pid}/statm`, "utf8").split(" ")[1]) * 4096;
  }
}

/** Empty for a process that is no more (or a zombie). */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function asLogLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { msg: text };
  }
}

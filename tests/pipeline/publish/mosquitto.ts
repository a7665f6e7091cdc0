import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { onTestFinished } from "vitest";
import type { Verdict } from "../../../src/contracts/verdict.ts";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket(port, "127.0.0.1");
    socket.once("connect", () => resolve(socket.destroy() !== undefined));
    socket.once("error", () => resolve(false));
  });

/** A real mosquitto on a port of its own; killed when the test ends. */
export class Mosquitto {
  readonly port: number;
  readonly #configPath: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, configPath: string) {
    this.port = port;
    this.#configPath = configPath;
  }

  static async prepare(
    settings: readonly string[] = [],
    files: Readonly<Record<string, string>> = {},
  ): Promise<Mosquitto> {
    const directory = mkdtempSync(join(tmpdir(), "sightline-mosquitto-"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o644 });
    const port = await freePort();
    const lines = [`listener ${port} 127.0.0.1`, "user root", ...settings];
    if (!settings.includes("allow_anonymous false")) lines.push("allow_anonymous true");
    const configPath = join(directory, "mosquitto.conf");
    writeFileSync(configPath, lines.join("\n").replaceAll("DIRECTORY", directory));
    const broker = new Mosquitto(port, configPath);
    onTestFinished(async () => {
      await broker.kill();
      rmSync(directory, { recursive: true, force: true });
    });
    return broker;
  }

  static async start(
    settings: readonly string[] = [],
    files: Readonly<Record<string, string>> = {},
  ): Promise<Mosquitto> {
    const broker = await Mosquitto.prepare(settings, files);
    await broker.start();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.#process = spawn("mosquitto", ["-c", this.#configPath], { stdio: "ignore" });
    while (!(await answers(this.port))) {
      if (this.#process.exitCode !== null) throw new Error("mosquitto did not start");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  }
}

export async function clientOf(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(url, { reconnectPeriod: 20, protocolVersion: 5, ...options });
  client.on("error", () => undefined);
  onTestFinished(async () => void (await client.endAsync(true)));
  return client;
}

/** Stands in for the hub: keeps verdicts by id and acknowledges the highest contiguous one of each boot. */
export class TestHub {
  readonly arrivals: Verdict[] = [];
  readonly byId = new Map<string, Verdict>();
  readonly #seqs = new Map<number, Set<number>>();
  readonly #contiguous = new Map<number, number>();
  acknowledging = true;

  static async connect(url: string, root: string, options: IClientOptions = {}): Promise<TestHub> {
    const hub = new TestHub();
    const client = await clientOf(url, options);
    client.on("message", (topic, payload) => {
      const verdict = JSON.parse(payload.toString()) as Verdict;
      hub.arrivals.push(verdict);
      hub.byId.set(verdict.id, verdict);
      const acknowledged = hub.#store(verdict);
      if (!hub.acknowledging || acknowledged === 0) return;
      const ack = { schema: 1, bootSeq: verdict.bootSeq, verdictSeq: acknowledged };
      client.publish(topic.replace(/verdict$/, "ack"), JSON.stringify(ack), { qos: 1 });
    });
    await client.subscribeAsync(`${root}/+/verdict`, { qos: 1 });
    return hub;
  }

  /** The highest number up to which nothing of this boot is missing. */
  contiguous(bootSeq: number): number {
    return this.#contiguous.get(bootSeq) ?? 0;
  }

  #store({ bootSeq, verdictSeq }: Verdict): number {
    const seqs = this.#seqs.get(bootSeq) ?? new Set();
    this.#seqs.set(bootSeq, seqs.add(verdictSeq));
    let upTo = this.contiguous(bootSeq);
    while (seqs.has(upTo + 1)) upTo++;
    this.#contiguous.set(bootSeq, upTo);
    return upTo;
  }
}

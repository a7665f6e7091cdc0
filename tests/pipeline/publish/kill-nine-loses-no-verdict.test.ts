import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { journalIn, temporaryDirectory } from "../journal/open-journal.ts";
import { clientOf, Mosquitto, TestHub } from "./mosquitto.ts";
import { DEVICE, publish, ROOT } from "./open-link.ts";

const KILLS = Number(process.env["SIGHTLINE_KILLS"] ?? 10);
const CHILD = fileURLToPath(new URL("./device-child.ts", import.meta.url));

interface Life {
  readonly process: ChildProcess;
  readonly bootSeq: number;
  readonly interrupted: readonly string[];
  readonly recorded: string[];
}

async function startDevice(directory: string, url: string): Promise<Life> {
  const child = spawn(process.execPath, [CHILD, directory, url, ROOT, DEVICE], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const [first] = await once(lines, "line");
  const recorded: string[] = [];
  lines.on("line", (line) => recorded.push(JSON.parse(line).recorded));
  return { process: child, recorded, ...JSON.parse(String(first)) };
}

async function killNine(life: Life): Promise<void> {
  life.process.kill("SIGKILL");
  await once(life.process, "close");
}

it(
  `brings every recorded verdict to the subscriber over ${KILLS} kills`,
  { timeout: 30_000 + KILLS * 5000 },
  async () => {
    const broker = await Mosquitto.start();
    const hub = await TestHub.connect(broker.url, ROOT);
    const directory = temporaryDirectory();
    const recorded: string[] = [];
    let interrupted = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const life = await startDevice(directory, broker.url);
      expect(life.bootSeq).toBe(kill);
      interrupted += life.interrupted.length;
      const enough = 20 + Math.floor(Math.random() * 100);
      await expect.poll(() => life.recorded.length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(enough);
      await killNine(life);
      recorded.push(...life.recorded);
    }
    const journal = journalIn(directory, { hubConfigured: true });
    const opening = await journal.start();
    expect(opening.bootSeq).toBe(KILLS + 1);
    interrupted += opening.interrupted.length;
    await publish(journal, broker.url, 1000);
    await expect.poll(() => journal.status().backlog, { timeout: 30_000 }).toBe(0);
    const { verdicts, triggers } = journal.status();
    await expect.poll(() => hub.byId.size, { timeout: 30_000 }).toBe(verdicts);
    expect(triggers).toBe(verdicts + opening.interrupted.length);
    expect(recorded.filter((id) => !hub.byId.has(id))).toEqual([]);
    for (const id of hub.byId.keys()) expect(await journal.verdictById(id)).toBeDefined();
    expect(interrupted).toBeGreaterThan(0);
  },
);

it("leaves its last will when it is killed", async () => {
  const broker = await Mosquitto.start();
  const watcher = await clientOf(broker.url);
  const states: unknown[] = [];
  watcher.on("message", (_topic, payload) => states.push(JSON.parse(payload.toString())));
  await watcher.subscribeAsync(`${ROOT}/${DEVICE}/state`, { qos: 1 });
  const hub = await TestHub.connect(broker.url, ROOT);
  const life = await startDevice(temporaryDirectory(), broker.url);
  await expect.poll(() => hub.arrivals.length, { timeout: 20_000 }).toBeGreaterThan(0);
  await killNine(life);
  await expect.poll(() => states).toMatchObject([{ state: "offline", bootSeq: life.bootSeq, device: DEVICE }]);
});

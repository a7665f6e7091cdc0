import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { readEvents } from "../edge/status/read-events.ts";
import { jpegOf } from "./support/pictures.ts";
import { SMALL_PARTS, Station, TINY_BUNDLE } from "./support/station.ts";

const PASS_COIL = 3;
const HEARTBEAT_COIL = 7;

/** The remote I/O of the reject gate, in a process of its own. */
async function remoteIo(): Promise<{ port: number; passes: () => number; beats: () => number }> {
  const script = fileURLToPath(new URL("../edge/reject-signal/remote-io.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said: { port?: number; coil?: number; on?: boolean }[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(JSON.parse(line) as (typeof said)[number]));
  await expect.poll(() => said[0]?.port).toBeGreaterThan(0);
  return {
    port: said[0]?.port ?? 0,
    passes: () => said.filter(({ coil, on }) => coil === PASS_COIL && on === true).length,
    beats: () => said.filter(({ coil }) => coil === HEARTBEAT_COIL).length,
  };
}

/** The `part` of the first verdict that the screens of the line are told. */
async function firstPartOnScreen(url: string, connected: () => void): Promise<string | undefined> {
  for await (const { event, data } of readEvents(url)) {
    connected();
    if (event === "verdict") return (data as { verdict: { part: string } }).verdict.part;
  }
  return undefined;
}

it("opens the gate and the big face for a part in view, never for an image that was uploaded", async () => {
  const gate = await remoteIo();
  const station = new Station({
    camera: { ...SMALL_PARTS, partsPerSecond: 20 },
    trigger: { mode: "external", deadlineMs: 3000 },
    recipes: [{ name: "lenient", model: TINY_BUNDLE, passBelow: 1, rejectFrom: 1 }],
    rejectSignal: {
      type: "modbus",
      host: "127.0.0.1",
      port: gate.port,
      passCoil: PASS_COIL,
      heartbeatCoil: HEARTBEAT_COIL,
    },
  });
  const boot = await station.boot();
  await expect.poll(gate.beats, { timeout: 20_000 }).toBeGreaterThan(0);
  const connected = Promise.withResolvers<void>();
  const onScreen = firstPartOnScreen(boot.url, connected.resolve);
  onScreen.catch(() => undefined); // of a run that failed before it was asked
  await connected.promise;
  const image = new Uint8Array(await jpegOf({ widthPx: 96, heightPx: 96, grey: 128 }));
  const uploaded: unknown = await (await boot.post("/api/v1/inspect", image)).json();
  expect(uploaded).toMatchObject({ verdict: "pass" });
  const beats = gate.beats();
  await expect.poll(gate.beats, { timeout: 5000 }).toBeGreaterThan(beats + 1); // writes are made in order
  expect(gate.passes()).toBe(0);
  await expect
    .poll(
      async () =>
        ((await (await boot.post("/api/v1/trigger", { part: "in-view" })).json()) as { verdict: string }).verdict,
      { timeout: 10_000 },
    )
    .toBe("pass");
  await expect.poll(gate.passes, { timeout: 5000 }).toBe(1);
  expect(await onScreen).toBe("in-view");
  expect(await boot.stop()).toMatchObject({ code: 0 });
});

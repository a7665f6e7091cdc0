import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test, vi } from "vitest";
import { ModbusRejectSignal } from "../../../src/edge/reject-signal/modbus-reject-signal.ts";
import type { RejectSignalParts } from "../../../src/edge/reject-signal/reject-signal.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { silentLogger } from "../../../src/platform/logger.ts";
import { verdictOf } from "./verdict-of.ts";

const PASS_COIL = 3;
const HEARTBEAT_COIL = 7;
interface CoilWrite {
  readonly coil: number;
  readonly on: boolean;
  readonly atMs: number;
}

class RemoteIo {
  readonly writes: CoilWrite[] = [];
  readonly process: ChildProcess;
  readonly port: number;
  private constructor(process: ChildProcess, port: number) {
    this.process = process;
    this.port = port;
  }
  static async start(port = 0, answerDelayMs = 0): Promise<RemoteIo> {
    const script = fileURLToPath(new URL("./remote-io.ts", import.meta.url));
    const child = spawn(process.execPath, [script, String(port), String(answerDelayMs)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const [first] = (await once(lines, "line")) as [string];
    const io = new RemoteIo(child, (JSON.parse(first) as { port: number }).port);
    lines.on("line", (line) => io.writes.push(JSON.parse(line) as CoilWrite));
    cleanUps.push(() => io.kill());
    return io;
  }
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await gone;
  }
  /** The pass coil's level after each change, starting from off. */
  passLevels(): boolean[] {
    const levels = this.writes.filter(({ coil }) => coil === PASS_COIL).map(({ on }) => on);
    return levels.filter((on, at) => on !== (levels[at - 1] ?? false));
  }
}

interface SignalOptions {
  readonly pulseMs?: number;
  readonly isDeciding?: () => boolean;
  readonly heartbeat?: boolean;
}

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startSignal(port: number, more: SignalOptions = {}) {
  const parts: RejectSignalParts = {
    clock: systemClock,
    log: silentLogger,
    random: () => 0.5,
    isDeciding: more.isDeciding ?? (() => true),
  };
  const heartbeat = more.heartbeat === true ? { heartbeatCoil: HEARTBEAT_COIL } : {};
  const config = {
    type: "modbus",
    host: "127.0.0.1",
    port,
    unit: 1,
    passCoil: PASS_COIL,
    pulseMs: more.pulseMs ?? 80,
    ...heartbeat,
  } as const;
  const signal = new ModbusRejectSignal(config, parts);
  await signal.start();
  cleanUps.push(() => signal.stop());
  return signal;
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 8_000, interval: 5 });
const connected = (signal: ModbusRejectSignal): Promise<void> =>
  until(() => expect(signal.status().connected).toBe(true));
const pulsesOf = (io: RemoteIo): number => io.passLevels().filter((on) => on).length;

test("a pass energises the coil for the pulse and lets it fall", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port);
  await connected(signal);
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(io.passLevels()).toEqual([true, false]));
  const onAt = io.writes.find(({ on }) => on)?.atMs ?? 0;
  const offAt = io.writes.findLast(({ on }) => !on)?.atMs ?? 0;
  expect(offAt - onAt).toBeGreaterThan(40);
  expect(offAt - onAt).toBeLessThan(400);
  expect(signal.status()).toMatchObject({ passCount: 1, missedPassCount: 0, overlapCount: 0, sentence: null });
});

test("reject, review and fault never energise the coil", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port);
  await connected(signal);
  for (const kind of ["reject", "review", "fault"] as const) signal.signal(verdictOf(kind), true);
  signal.signal(verdictOf("pass"), true); // proves that the three above have been dealt with
  await until(() => expect(io.passLevels()).toEqual([true, false]));
});

test("a pass out of order energises nothing, ends the pulse that stands and is counted", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port, { pulseMs: 5_000 });
  await connected(signal);
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(io.passLevels()).toEqual([true]));
  signal.signal(verdictOf("pass"), false);
  await until(() => expect(io.passLevels()).toEqual([true, false]));
  signal.signal(verdictOf("pass"), false);
  expect(signal.status()).toMatchObject({ passCount: 1, missedPassCount: 2, overlapCount: 1 });
});

test("in a burst the newest verdict wins and nothing is written late", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port, { pulseMs: 200 });
  await connected(signal);
  for (let part = 0; part < 500; part++) signal.signal(verdictOf("pass"), true);
  signal.signal(verdictOf("reject"), true);
  expect(signal.status()).toMatchObject({ passCount: 0, missedPassCount: 500, overlapCount: 500 });
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(io.passLevels()).toEqual([true, false]));
  expect(io.writes.length).toBeLessThan(6);
});

test("a reject ends the pulse of the part before", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port, { pulseMs: 5_000 });
  await connected(signal);
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(io.passLevels()).toEqual([true]));
  signal.signal(verdictOf("reject"), true);
  await until(() => expect(io.passLevels()).toEqual([true, false]));
  expect(signal.status().overlapCount).toBe(1);
});

test("a killed coupler is found again, and passes of the meantime are counted, not sent later", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port);
  await connected(signal);
  await io.kill();
  await until(() => expect(signal.status().connected).toBe(false));
  expect(signal.status().sentence).toMatch(
    /127\.0\.0\.1:\d+ unit 1.*every part is rejected: check its power, cable and address/,
  );
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(signal.status().missedPassCount).toBe(1));
  const back = await RemoteIo.start(io.port);
  await connected(signal);
  expect(back.passLevels()).toEqual([]);
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(back.passLevels()).toEqual([true, false]));
  expect(signal.status().restartCount).toBeGreaterThan(0);
});

test("a coupler that stands still is given up, and is switched off first when it answers again", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port);
  await connected(signal);
  io.process.kill("SIGSTOP");
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(signal.status()).toMatchObject({ connected: false, missedPassCount: 1 }));
  expect(signal.status().lateWriteCount).toBeGreaterThan(0);
  io.process.kill("SIGCONT");
  await connected(signal);
  await until(() => expect(io.writes.at(-1)).toMatchObject({ coil: PASS_COIL, on: false }));
});

test("an answer slower than the pulse is counted, and the pass counts as missed", async () => {
  const io = await RemoteIo.start(0, 120);
  const signal = await startSignal(io.port, { pulseMs: 40 });
  await connected(signal);
  // Again and again, for a pass that comes during a slow heartbeat is over before it can be written at all.
  const passed = (): void => {
    signal.signal(verdictOf("pass"), true);
    expect(io.passLevels()).toContain(true);
  };
  await vi.waitFor(passed, { timeout: 8_000, interval: 330 });
  await until(() => expect(io.passLevels().at(-1)).toBe(false));
  expect(signal.status().passCount).toBe(0);
  expect(signal.status().missedPassCount).toBeGreaterThan(0);
  expect(signal.status().lateWriteCount).toBeGreaterThanOrEqual(2);
});

test("the heartbeat coil toggles while parts are decided and stands still otherwise", async () => {
  let deciding = true;
  const io = await RemoteIo.start();
  await startSignal(io.port, { heartbeat: true, isDeciding: () => deciding });
  const beats = (): boolean[] => io.writes.filter(({ coil }) => coil === HEARTBEAT_COIL).map(({ on }) => on);
  await until(() => expect(beats().slice(0, 3)).toEqual([true, false, true]));
  deciding = false;
  const before = beats().length;
  const refreshed = (): number => io.writes.filter(({ coil }) => coil === PASS_COIL).length;
  const refreshedBefore = refreshed();
  await until(() => expect(refreshed()).toBeGreaterThan(refreshedBefore + 1)); // the connection is still looked after
  expect(beats().length).toBeLessThanOrEqual(before + 1);
});

test("the heartbeat stops when the thread that decides hangs", async () => {
  const io = await RemoteIo.start();
  await startSignal(io.port, { heartbeat: true });
  const beatsAt = (): number[] => io.writes.filter(({ coil }) => coil === HEARTBEAT_COIL).map(({ atMs }) => atMs);
  await until(() => expect(beatsAt().length).toBeGreaterThan(1));
  const seen = beatsAt().length;
  const untilMs = performance.now() + 1_200;
  while (performance.now() < untilMs); // hangs, as a loop over pixels would
  await until(() => expect(beatsAt().length).toBeGreaterThan(seen));
  const gapMs = (beatsAt()[seen] ?? 0) - (beatsAt()[seen - 1] ?? 0);
  expect(gapMs).toBeGreaterThan(1_100);
});

test("stop lets the coil fall", async () => {
  const io = await RemoteIo.start();
  const signal = await startSignal(io.port, { pulseMs: 30_000 });
  await connected(signal);
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(io.passLevels()).toEqual([true]));
  await signal.stop();
  await until(() => expect(io.passLevels()).toEqual([true, false]));
});

test("a device starts and decides without its remote I/O", async () => {
  const io = await RemoteIo.start();
  const { port } = io;
  await io.kill();
  const signal = await startSignal(port);
  signal.signal(verdictOf("pass"), true);
  await until(() => expect(signal.status().sentence).toContain("ECONNREFUSED"));
  expect(pulsesOf(io)).toBe(0);
});

import { fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { SightlineError } from "../../../src/contracts/errors.ts";
import { openBundle } from "../../../src/pipeline/infer/open-bundle.ts";
import type { ProcessEngine, ProcessEngineOptions } from "../../../src/pipeline/infer/process-engine.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { editedBundle } from "./edited-bundle.ts";
import { TINY_BUNDLE } from "./tiny-bundle-path.ts";
import { codeOf, engineUnderTest, errorOf, isAlive, partPixels, until } from "./engine-under-test.ts";

const COUNT = 64;
const batch = { pixels: new Uint8Array(COUNT * 32 * 32 * 3).fill(128), count: COUNT };

/** Keeps `lanes` requests going until `total` were answered; returns the errors. */
async function load(
  engine: ProcessEngine,
  sha256: string,
  { lanes, total, onAnswer = () => undefined }: { lanes: number; total: number; onAnswer?: (done: number) => void },
): Promise<unknown[]> {
  const errors: unknown[] = [];
  let begun = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (begun++ < total) {
      await engine.infer(sha256, batch).catch((error: unknown) => errors.push(error));
      onAnswer(++done);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(done).toBe(total);
  return errors;
}

async function ready(options: Partial<ProcessEngineOptions>): Promise<{ engine: ProcessEngine; sha256: string }> {
  const engine = engineUnderTest(options);
  await engine.start();
  const bundle = await openBundle(TINY_BUNDLE);
  await engine.load(bundle);
  return { engine, sha256: bundle.modelSha256 };
}

const codesOf = (errors: readonly unknown[]): unknown[] =>
  errors.map((error) => (error instanceof SightlineError ? error.code : error));

/** Inference processes of this one. */
const childrenOf = (pid: number): number[] =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^[0-9]+$/.test(name)) return [];
    try {
      const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1]);
      const isOurs = readFileSync(`/proc/${name}/cmdline`, "utf8").includes("inference-process");
      return parent === pid && isOurs ? [Number(name)] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });

/** Milliseconds from `from` to now. */
const since = (from: number): number => systemClock.tick() - from;

describe("the pool of inference processes", () => {
  it("loses only what a killed process was working on, and has it back with its models", async () => {
    const { engine, sha256 } = await ready({ processes: 2 });
    const [victim = 0, other = 0] = engine.status().pids;
    let rejectedTick = 0;
    let killedTick = 0;
    const errors = await load(engine, sha256, {
      lanes: 4,
      total: 600,
      onAnswer: (done) => {
        if (done === 100) {
          killedTick = systemClock.tick();
          process.kill(victim, "SIGKILL");
        }
        if (rejectedTick === 0 && engine.status().pids.length === 1) rejectedTick = systemClock.tick();
      },
    });
    expect(errors.length).toBeLessThanOrEqual(2);
    expect(new Set(codesOf(errors))).toEqual(new Set(errors.length === 0 ? [] : ["INFERENCE_CRASHED"]));
    expect(rejectedTick - killedTick).toBeLessThan(1_000);
    await until(() => engine.status().restarts === 1 && engine.status().pids.length === 2, "the process is back");
    expect(engine.status().pids).toContain(other);
    expect(engine.status().pids).not.toContain(victim);
    process.kill(other, "SIGKILL");
    await until(() => engine.status().restarts === 2, "the other process is being restarted");
    await expect(engine.infer(sha256, batch)).resolves.toBeDefined();
  });

  it("rejects at once what the only process was working on, and lets what waits have its successor", async () => {
    const { engine, sha256 } = await ready({ processes: 1 });
    const outcomes = Array.from({ length: 6 }, () =>
      engine.infer(sha256, batch).then(
        () => "answered",
        () => "lost",
      ),
    );
    process.kill(engine.status().pids[0] ?? 0, "SIGKILL");
    const seen = await Promise.all(outcomes);
    expect(seen.slice(2)).toEqual(["answered", "answered", "answered", "answered"]);
    expect(engine.status()).toMatchObject({ restarts: 1, ready: true });
  });

  it("kills and replaces a process that does not answer, while the other goes on", async () => {
    const hangTimeoutMs = 400;
    const { engine, sha256 } = await ready({ processes: 2, hangTimeoutMs });
    const [victim = 0] = engine.status().pids;
    process.kill(victim, "SIGSTOP");
    const startedTick = systemClock.tick();
    const errors = await load(engine, sha256, { lanes: 4, total: 300 });
    expect(codesOf(errors)).toEqual(["INFERENCE_HUNG", "INFERENCE_HUNG"]);
    expect(since(startedTick)).toBeGreaterThan(hangTimeoutMs * 0.9);
    await until(() => !isAlive(victim), "the silent process is gone");
    await until(() => engine.status().pids.length === 2 && engine.status().restarts === 1, "it was replaced");
    expect(await load(engine, sha256, { lanes: 4, total: 50 })).toEqual([]);
  });

  it("answers within the time-out when the only process hangs", async () => {
    const { engine, sha256 } = await ready({ processes: 1, hangTimeoutMs: 300 });
    process.kill(engine.status().pids[0] ?? 0, "SIGSTOP");
    const startedTick = systemClock.tick();
    const error = await errorOf(engine.infer(sha256, batch));
    expect(error.code).toBe("INFERENCE_HUNG");
    expect(error.detail).toMatch(/was silent for 300 ms and was killed/);
    expect(since(startedTick)).toBeLessThan(2_000);
    await until(() => engine.status().ready, "the process is back");
    await expect(engine.infer(sha256, batch)).resolves.toBeDefined();
  });

  it("loads another model into every process even when one is killed meanwhile", async () => {
    const { engine, sha256 } = await ready({ processes: 2 });
    const second = await openBundle(
      await editedBundle({ model: (bytes) => Buffer.concat([bytes, Buffer.from([0x28, 7])]) }),
    );
    const loading = engine.load(second);
    process.kill(engine.status().pids[1] ?? 0, "SIGKILL");
    await loading;
    await until(() => engine.status().restarts === 1 && engine.status().pids.length === 2, "the process is back");
    process.kill(engine.status().pids[0] ?? 0, "SIGKILL");
    await until(() => engine.status().restarts === 2, "the other process is being restarted");
    await expect(engine.infer(second.modelSha256, batch)).resolves.toBeDefined();
    await expect(engine.infer(sha256, batch)).resolves.toBeDefined();
  });

  it("does not disturb the processes by Ctrl-C in the terminal of the device", async () => {
    const { engine, sha256 } = await ready({ processes: 1 });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.kill(engine.status().pids[0] ?? 0, signal);
    expect(await load(engine, sha256, { lanes: 2, total: 20 })).toEqual([]);
    expect(engine.status().restarts).toBe(0);
  });

  it("answers what is in flight before it stops, and leaves no process", async () => {
    const { engine, sha256 } = await ready({ processes: 2 });
    const { pids } = engine.status();
    const inFlight = Array.from({ length: 10 }, () => engine.infer(sha256, batch));
    const stopped = engine.stop();
    expect(await codeOf(engine.infer(sha256, batch))).toBe("INFERENCE_FAILED");
    await expect(Promise.all(inFlight)).resolves.toHaveLength(10);
    await stopped;
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(engine.status()).toMatchObject({ processes: 0, ready: false, restarts: 0 });
  });

  it("that is stopped while its processes begin leaves none, and starts none anew", async () => {
    const engine = engineUnderTest({ processes: 2 });
    const starting = codeOf(engine.start());
    await until(() => engine.status().pids.length === 2, "both processes began");
    const { pids } = engine.status();
    await engine.stop();
    expect(await starting).toMatch(/^INFERENCE_(CRASHED|FAILED)$/);
    expect(pids.filter(isAlive)).toEqual([]);
    await systemClock.sleep(1500); // a restart would have come after a tenth of a second
    expect(childrenOf(process.pid)).toEqual([]);
  });

  it("stops in time even when a process hangs", async () => {
    const { engine, sha256 } = await ready({ processes: 1, stopGraceMs: 200, hangTimeoutMs: 60_000 });
    const [pid = 0] = engine.status().pids;
    process.kill(pid, "SIGSTOP");
    const lost = codeOf(engine.infer(sha256, batch));
    await engine.stop();
    expect(await lost).toBe("INFERENCE_HUNG");
    await until(() => !isAlive(pid), "the process is gone");
  });

  it("ends its processes when the device is killed", async () => {
    const device = fork(fileURLToPath(new URL("device-to-kill.ts", import.meta.url)), { stdio: "inherit" });
    onTestFinished(() => void device.kill("SIGKILL"));
    const [message] = await once(device, "message");
    const pids: number[] = message.pids;
    expect(pids.map(isAlive)).toEqual([true, true]);
    device.kill("SIGKILL");
    await until(() => !pids.some(isAlive), "the inference processes are gone");
  });

  it("does not grow over 5,000 inferences", async () => {
    const { engine, sha256 } = await ready({ processes: 1 });
    const [pid = 0] = engine.status().pids;
    const request = { pixels: await partPixels("good"), count: 1 };
    const several = async (times: number): Promise<void> => {
      for (let at = 0; at < times; at++) await engine.infer(sha256, request);
    };
    await several(2_000);
    const before = { child: await residentMb(pid), device: process.memoryUsage().rss / 2 ** 20 };
    await several(5_000);
    const after = { child: await residentMb(pid), device: process.memoryUsage().rss / 2 ** 20 };
    console.log(`resident MB before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
    expect(after.child - before.child).toBeLessThan(16);
    expect(after.device - before.device).toBeLessThan(48);
  });
});

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

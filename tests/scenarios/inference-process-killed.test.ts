import { expect, it } from "vitest";
import type { Verdict } from "../../src/contracts/verdict.ts";
import { expectSquare, readLedger } from "./support/ledger.ts";
import { SMALL_PARTS, Station, type Boot } from "./support/station.ts";

const RATE = 20;
const DEADLINE_MS = 1000;

/** How long requests to the page take while `action` goes on, in ms, ascending. */
async function answerTimesMs(boot: Boot, action: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  let over = false;
  const asking = (async () => {
    while (!over) {
      const askedAt = performance.now();
      await boot.status();
      times.push(performance.now() - askedAt);
      await new Promise((resolve) => setTimeout(resolve, 20)); // a scrape now and then, no load
    }
  })();
  await action().finally(() => (over = true));
  await asking;
  return times.sort((a, b) => a - b);
}

const judged = async (boot: Boot): Promise<number> => {
  const { pass, reject, review } = (await boot.status()).counts;
  return pass + reject + review;
};

async function judgesAgain(boot: Boot): Promise<void> {
  const before = await judged(boot);
  await expect.poll(() => judged(boot), { timeout: 20_000 }).toBeGreaterThan(before + RATE);
}

const faultsOf = (verdicts: readonly Verdict[]): string[] =>
  verdicts.flatMap((verdict) => (verdict.verdict === "fault" ? [verdict.reason] : []));

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, signal);
}

const station = (deadlineMs: number, hangTimeoutMs: number): Station =>
  new Station({
    camera: { ...SMALL_PARTS, partsPerSecond: RATE },
    trigger: { deadlineMs, queueCapacity: 200 },
    inference: { provider: "cpu", processes: 2, hangTimeoutMs },
  });

/** 200 ms is for an idle machine; the slowest few of a loaded one are no property of ours. */
function expectPrompt(times: readonly number[]): void {
  expect(times.length).toBeGreaterThan(10);
  expect(times[Math.floor(times.length * 0.9)]).toBeLessThan(200);
}

it("answers only the parts in flight with a fault when the inference processes are killed", async () => {
  // Parts that wait for a process wait as long: on a busy machine the new ones take a few seconds to begin.
  const device = station(30_000, 15_000);
  const boot = await device.boot();
  await judgesAgain(boot);
  const before = boot.children("inference-process");
  expect(before).toHaveLength(2);
  const times = await answerTimesMs(boot, async () => {
    signalAll(before, "SIGSTOP"); // so that each holds a part when it dies
    await expect.poll(async () => (await boot.status()).pendingTriggers, { interval: 10 }).toBeGreaterThan(5);
    signalAll(before, "SIGKILL");
    await judgesAgain(boot);
  });
  expectPrompt(times);
  expect((await boot.status()).inferenceRestarts).toBe(2);
  expect(boot.children("inference-process").filter((pid) => before.includes(pid))).toEqual([]);
  expect(await boot.stop()).toMatchObject({ code: 0 });

  const ledger = readLedger(device.dataDirectory);
  expectSquare(ledger);
  const faults = faultsOf(ledger.verdicts);
  expect(new Set(faults)).toEqual(new Set(["model"]));
  expect(faults.length).toBeLessThanOrEqual(6);
});

it("answers at the deadline when the inference processes hang, and judges again when they are replaced", async () => {
  const device = station(DEADLINE_MS, 1500);
  const boot = await device.boot();
  await judgesAgain(boot);
  const hung = boot.children("inference-process");
  const times = await answerTimesMs(boot, async () => {
    signalAll(hung, "SIGSTOP");
    await expect.poll(async () => (await boot.status()).counts.fault, { timeout: 10_000 }).toBeGreaterThan(0);
    await judgesAgain(boot);
  });
  expectPrompt(times);
  expect((await boot.status()).state).toBe("inspecting");
  expect(await boot.stop()).toMatchObject({ code: 0 });

  const ledger = readLedger(device.dataDirectory);
  expectSquare(ledger);
  const late = ledger.verdicts.filter(({ latencyMs }) => latencyMs.total > DEADLINE_MS + 500);
  expect(late).toEqual([]);
  expect(faultsOf(ledger.verdicts)).toContain("deadline");
  expect(faultsOf(ledger.verdicts).filter((reason) => reason !== "deadline" && reason !== "model")).toEqual([]);
});

import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import type { Exposure } from "../../../src/pipeline/capture/frame-source.ts";
import { SimulatedSourceOptions, simulatedSource } from "../../../src/pipeline/capture/simulated-source.ts";
import type { Clock, MonotonicMs, WallClockMs } from "../../../src/platform/clock.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { renderPart } from "../../../src/simulation/render-part.ts";

/** Sleeping passes the time at once; rendering takes none. */
function instantClock(): Clock & { readonly sleptMs: number[]; pass(ms: number): void } {
  let nowMs = 1000;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    pass: (ms) => void (nowMs += ms),
    wallNow: () => (1_700_000_000_000 + nowMs) as WallClockMs,
    tick: () => nowMs as MonotonicMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleptMs.push(ms);
      nowMs += ms;
    },
    after: () => () => undefined,
  };
}

const optionsOf = (more: object): SimulatedSourceOptions =>
  SimulatedSourceOptions.parse({ type: "simulated", widthPx: 64, heightPx: 64, ...more });

async function take(source: ReturnType<typeof simulatedSource>, count: number): Promise<Exposure[]> {
  const taken: Exposure[] = [];
  for await (const exposure of source.exposures(new AbortController().signal)) {
    taken.push(exposure);
    if (taken.length === count) break;
  }
  return taken;
}

it("shows one part after another at the line's rate, each with its id and ground truth", async () => {
  const options = optionsOf({ partsPerSecond: 4, defectRate: 0.5 });
  const source = simulatedSource(options, instantClock());
  const exposures = await take(source, 8);
  expect(source.live).toBe(true);
  for (const [index, exposure] of exposures.entries()) {
    const part = renderPart(options, index);
    if (exposure.kind !== "frame") throw new Error("the simulated line damages no frame");
    expect(exposure.capturedTick).toBe(1000 + 250 * index);
    expect(exposure.metadata).toMatchObject({ part: part.partId, groundTruth: part.label, simulated: true, index });
    expect(Number(exposure.metadata["defectAreaPx"]) > 0).toBe(part.label !== "free");
    const hash = (pixels: Uint8Array): string => createHash("sha256").update(pixels).digest("hex");
    expect(hash(exposure.image.pixels)).toBe(hash(part.image.pixels));
  }
  expect(new Set(exposures.map(({ metadata }) => metadata["part"])).size).toBe(8);
});

it("sends no burst after a consumer was late", async () => {
  const clock = instantClock();
  const ticks: number[] = [];
  for await (const exposure of simulatedSource(optionsOf({ partsPerSecond: 10, parts: 5 }), clock).exposures(
    new AbortController().signal,
  )) {
    ticks.push(exposure.capturedTick);
    if (ticks.length === 2) clock.pass(1000);
  }
  expect(ticks).toEqual([1000, 1100, 2100, 2200, 2300]);
});

it("waits for the line when asked to be as fast as possible", async () => {
  const clock = instantClock();
  const source = simulatedSource(optionsOf({ asFastAsPossible: true, parts: 6 }), clock);
  expect(source.live).toBe(false);
  expect(await take(source, 100)).toHaveLength(6);
  expect(clock.sleptMs.every((ms) => ms === 0)).toBe(true);
});

it("goes on with the next part after a restart", async () => {
  const source = simulatedSource(optionsOf({ firstPart: 40 }), instantClock());
  const indices = [...(await take(source, 2)), ...(await take(source, 2))].map(({ metadata }) => metadata["index"]);
  expect(indices).toEqual([40, 41, 42, 43]);
});

it("ends at once when aborted between two parts", async () => {
  const controller = new AbortController();
  const exposures = simulatedSource(optionsOf({ partsPerSecond: 0.01 }), systemClock)
    .exposures(controller.signal)
    [Symbol.asyncIterator]();
  await exposures.next();
  const second = exposures.next();
  const startedTick = performance.now();
  controller.abort(new Error("line stopped"));
  await expect(second).rejects.toThrow("line stopped");
  expect(performance.now() - startedTick).toBeLessThan(1000);
  expect(await exposures.next()).toEqual({ done: true, value: undefined });
});

it("refuses settings it does not know or that are out of range", () => {
  expect(SimulatedSourceOptions.safeParse({ type: "simulated", defectRte: 0.1 }).success).toBe(false);
  expect(SimulatedSourceOptions.safeParse({ type: "simulated", defectRate: 1.1 }).success).toBe(false);
  expect(
    SimulatedSourceOptions.safeParse({ type: "simulated", drift: { from: { seconds: 30 }, lampLoss: 0.3 } }).success,
  ).toBe(true);
});

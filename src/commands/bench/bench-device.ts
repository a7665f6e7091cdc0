import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SightlineError } from "../../contracts/errors.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import { startDevice } from "../../edge/device.ts";
import { DeviceConfig } from "../../edge/device-config.ts";
import type { FrameSource } from "../../pipeline/capture/frame-source.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { createLogger } from "../../platform/logger.ts";
import { percentile, type Throughput } from "./throughput.ts";

export interface BenchDevice {
  readonly modelDirectory: string;
  readonly processes: number;
  readonly source: FrameSource;
  /** Broker to publish to; null publishes nowhere. */
  readonly brokerUrl: string | null;
  /** Parts undecided at once: enough to keep the processes busy, few enough for honest latencies. */
  readonly queueCapacity: number;
  readonly onVerdict?: (verdict: Verdict, count: number) => void;
}

export interface BenchResult extends Throughput {
  readonly frames: number;
  readonly verdicts: Readonly<Record<string, number>>;
  /** What the journal on disk holds at the end. */
  readonly ledger: { readonly triggers: number; readonly verdicts: number; readonly backlog: number };
}

/**
 * The whole runtime on one source: journal on disk, sanity gate, preprocessing, inference processes, decision, MQTT.
 * Time runs from the first verdict to the last, so that loading the model does not count.
 */
export async function runBenchDevice(bench: BenchDevice): Promise<BenchResult> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "sightline-bench-"));
  const latenciesMs: number[] = [];
  const verdicts: Record<string, number> = {};
  let firstTick = 0;
  let lastTick = 0;
  let frames = 0;
  const ended = Promise.withResolvers<void>();
  const device = await startDevice(configOf(bench, dataDirectory), {
    clock,
    log: createLogger({ level: "warn", format: "auto" }),
    random: Math.random,
    environment: process.env,
    source: bench.source,
    onVerdict: (verdict) => {
      lastTick = clock.tick();
      if (frames === 0) firstTick = lastTick;
      frames++;
      latenciesMs.push(verdict.latencyMs.total);
      if (latenciesMs.length > 50_000) latenciesMs.splice(0, 25_000);
      verdicts[verdict.verdict] = (verdicts[verdict.verdict] ?? 0) + 1;
      bench.onVerdict?.(verdict, frames);
    },
    onEnd: ended.resolve,
  });
  await ended.promise;
  await device.stop();
  const ledger = device.ledger();
  await rm(dataDirectory, { recursive: true, force: true });
  const { fault = 0 } = verdicts;
  if (fault > 0)
    throw new SightlineError(
      "DATA_INVALID",
      `${fault} of ${frames} frames were not inspected: their speed would be no figure`,
    );
  return {
    frames,
    verdicts,
    ledger,
    framesPerSecond: ((frames - 1) * 1000) / (lastTick - firstTick),
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
  };
}

function configOf(
  { modelDirectory, processes, brokerUrl, queueCapacity }: BenchDevice,
  dataDirectory: string,
): DeviceConfig {
  return DeviceConfig.parse({
    device: "bench",
    dataDirectory,
    camera: { type: "simulated" }, // replaced by the benchmark's own source
    trigger: { deadlineMs: 60_000, queueCapacity },
    inference: { processes },
    recipes: [{ name: "bench", model: modelDirectory }],
    mqtt: brokerUrl === null ? null : { url: brokerUrl, root: "bench/bench/bench/bench" },
    http: { port: 0 },
  });
}

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock as clock } from "../../platform/clock.ts";
import { parseCommandLine } from "../command-line.ts";
import { startBenchBroker } from "./bench-broker.ts";
import { runBenchDevice } from "./bench-device.ts";
import { memorySource, rawFrames } from "./frame-sources.ts";
import { writeSection } from "./write-section.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const RAW = { widthPx: 1280, heightPx: 720 } as const;
const SAMPLES = 50;

const HELP = `usage: sightline bench soak [options]

Many raw frames through the whole runtime: does memory grow, is every trigger answered and recorded.

  --frames N     frames (default 100000)
  --model DIR    model bundle (default models/tile-surface)
  --write FILE   put the figures into this Markdown file, between its markers
  --json         one JSON document on stdout
`;

interface MemorySample {
  readonly frames: number;
  readonly rssMb: number;
  readonly heapMb: number;
}

export async function benchSoak(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    frames: { type: "string", default: "100000" },
    model: { type: "string", default: join(ROOT, "models", "tile-surface") },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const frames = Number(options.frames);
  const images = rawFrames(24, RAW.widthPx, RAW.heightPx);
  const broker = await startBenchBroker();
  const samples: MemorySample[] = [];
  const everyFrames = Math.max(1, Math.floor(frames / SAMPLES));
  const result = await runBenchDevice({
    modelDirectory: options.model,
    processes: 2,
    source: memorySource(images, frames, clock),
    brokerUrl: broker?.url ?? null,
    queueCapacity: 4,
    onVerdict: (_verdict, count) => {
      if (count % everyFrames !== 0) return;
      samples.push(sampleMemory(count));
      if (process.stderr.isTTY) process.stderr.write(`\r${count} of ${frames} frames`);
    },
  });
  await broker?.stop();
  const growth = growthMb(samples);
  const figures = { ...result, growthMb: growth, samples };
  const report = soakReport(figures);
  if (options.write !== undefined) await writeSection(options.write, "soak", report);
  process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : report);
  return result.ledger.triggers === result.ledger.verdicts && result.frames === frames ? 0 : 1;
}

function sampleMemory(frames: number): MemorySample {
  const { rss, heapUsed } = process.memoryUsage();
  return { frames, rssMb: rss / 1e6, heapMb: heapUsed / 1e6 };
}

/** Mean of the last quarter less mean of the second quarter: what start-up takes does not count as growth. */
function growthMb(samples: readonly MemorySample[]): number {
  const quarter = Math.floor(samples.length / 4);
  const mean = (part: readonly MemorySample[]): number => part.reduce((sum, { rssMb }) => sum + rssMb, 0) / part.length;
  return mean(samples.slice(-quarter)) - mean(samples.slice(quarter, 2 * quarter));
}

type SoakFigures = Awaited<ReturnType<typeof runBenchDevice>> & {
  readonly growthMb: number;
  readonly samples: readonly MemorySample[];
};

function soakReport({ frames, framesPerSecond, p50Ms, p99Ms, ledger, growthMb: growth, samples }: SoakFigures): string {
  const rss = samples.map(({ rssMb }) => rssMb);
  return (
    `${frames} frames of ${RAW.widthPx}x${RAW.heightPx} px at ${framesPerSecond.toFixed(0)}/s; p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms. ` +
    `Ledger: ${ledger.triggers} triggers, ${ledger.verdicts} verdicts, ${ledger.backlog} not yet taken by the broker. ` +
    `Resident memory of the device process: ${Math.min(...rss).toFixed(0)} to ${Math.max(...rss).toFixed(0)} MB; ` +
    `last quarter less second quarter ${growth >= 0 ? "+" : ""}${growth.toFixed(1)} MB.\n`
  );
}

import { rm } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DirectorySourceOptions, directorySource } from "../../pipeline/capture/directory-source.ts";
import { openBundle } from "../../pipeline/infer/open-bundle.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { parseCommandLine } from "../command-line.ts";
import { bareLoop } from "./bare-loop.ts";
import { startBenchBroker } from "./bench-broker.ts";
import { runBenchDevice } from "./bench-device.ts";
import { firstOf, folderOf, listPhotographs, memorySource, rawFrames } from "./frame-sources.ts";
import { runPeer } from "./peer.ts";
import { pipelineReport, type PipelineFigures, type Round } from "./pipeline-report.ts";
import { writeSection } from "./write-section.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const RAW = { widthPx: 1280, heightPx: 720 } as const;
const DISTINCT_RAW_FRAMES = 24;

const HELP = `usage: sightline bench pipeline [options]

JPEG photographs and 1280x720 raw frames through the whole runtime, beside the bare ONNX Runtime loop on the same model
and threads and, with --peer, beside another program. All run in turn, several rounds; medians and ratios are given.

  --model DIR     model bundle (default models/tile-surface)
  --data DIR      folder with JPEG photographs (default ../shared/data/magnetic-tile)
  --frames N      frames of each run (default 1500)
  --rounds N      rounds (default 5)
  --peer COMMAND  shell command that prints one JSON line {fps, p50_ms, p99_ms} for the same photographs
  --write FILE    put the table into this Markdown file, between its markers
  --json          one JSON document on stdout
`;

export async function benchPipeline(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    model: { type: "string", default: join(ROOT, "models", "tile-surface") },
    data: { type: "string", default: join(ROOT, "..", "shared", "data", "magnetic-tile") },
    frames: { type: "string", default: "1500" },
    rounds: { type: "string", default: "5" },
    peer: { type: "string" },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const figures = await measure({
    modelDirectory: options.model,
    dataDirectory: options.data,
    frames: Number(options.frames),
    rounds: Number(options.rounds),
    peer: options.peer,
  });
  const report = pipelineReport(figures);
  if (options.write !== undefined) await writeSection(options.write, "pipeline", report);
  process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : report);
  return 0;
}

interface Measurement {
  readonly modelDirectory: string;
  readonly dataDirectory: string;
  readonly frames: number;
  readonly rounds: number;
  readonly peer: string | undefined;
}

async function measure({ modelDirectory, dataDirectory, frames, rounds, peer }: Measurement): Promise<PipelineFigures> {
  const { manifest } = await openBundle(modelDirectory);
  const files = listPhotographs(dataDirectory);
  const images = rawFrames(DISTINCT_RAW_FRAMES, RAW.widthPx, RAW.heightPx);
  const cores = availableParallelism();
  const broker = await startBenchBroker();
  const bare = {
    modelPath: join(modelDirectory, "model.onnx"),
    heightPx: manifest.input.height,
    widthPx: manifest.input.width,
  };
  const device = { modelDirectory, processes: cores, brokerUrl: broker?.url ?? null, queueCapacity: 2 * cores };
  const folder = await folderOf(files);
  const photographs = directorySource(
    DirectorySourceOptions.parse({ type: "directory", path: folder, mode: "loop" }),
    clock,
  );
  const done: Round[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      done.push({
        bareThreads: await bareLoop({ ...bare, processes: 1, threadsPerProcess: cores, runs: frames }),
        raw: await runBenchDevice({ ...device, source: memorySource(images, frames, clock) }),
        bareProcesses: await bareLoop({
          ...bare,
          processes: cores,
          threadsPerProcess: 1,
          runs: Math.ceil(frames / cores),
        }),
        jpeg: await runBenchDevice({ ...device, source: firstOf(photographs, frames) }),
        peer: peer === undefined ? null : await runPeer(peer),
      });
      process.stderr.write(`round ${round + 1} of ${rounds} done\n`);
    }
  } finally {
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return {
    machine: { cores, cpu: cpus()[0]?.model ?? "unknown", node: process.version },
    model: {
      name: manifest.name,
      version: manifest.version,
      widthPx: manifest.input.width,
      heightPx: manifest.input.height,
    },
    workload: {
      photographs: files.length,
      frames,
      raw: `${RAW.widthPx}x${RAW.heightPx}`,
      broker: broker === undefined ? "none" : "mosquitto",
    },
    peerCommand: peer ?? null,
    rounds: done,
  };
}

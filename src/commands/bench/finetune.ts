import { execFile } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { type FineTuneSpeed, measureFineTuning } from "../../training/finetune/measure-fine-tuning.ts";
import { parseCommandLine } from "../command-line.ts";
import { writeSection } from "./write-section.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BACKBONE = "mobilenet_v1_1.0_imagenet_to_conv_pw_12.onnx";

/** What the peer trains too: every layer at 128 px, and the last six blocks at 224 px (block 7 on, of 0 to 12). */
const WORKLOADS = [
  { layers: "all", sizePx: 128, firstBlock: 0 },
  { layers: "last:6", sizePx: 224, firstBlock: 7 },
] as const;

const HELP = `usage: sightline bench finetune [options]

Training steps a second (forward, backward, optimiser) of the fine-tuner, beside PyTorch with --peer: every layer at 128 px
and the last six blocks at 224 px, from prepared inputs. All run in turn, several rounds; medians and ratios are given.

  --base FILE     backbone (default ../shared/data/backbone/${BACKBONE})
  --batch N       images a step (default 16)
  --rounds N      rounds (default 5)
  --peer COMMAND  shell command run with the arguments SIZE BATCH THREADS FIRST_BLOCK; prints a JSON line {images_per_s}
  --write FILE    put the table into this Markdown file, between its markers
  --json          one JSON document on stdout
`;

const PeerLine = z.object({ images_per_s: z.number().positive() });

interface Round {
  readonly ours: FineTuneSpeed;
  readonly peerImagesPerSecond: number | null;
}

interface WorkloadFigures {
  readonly layers: string;
  readonly sizePx: number;
  readonly rounds: readonly Round[];
}

export async function benchFinetune(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    base: { type: "string", default: join(ROOT, "..", "shared", "data", "backbone", BACKBONE) },
    batch: { type: "string", default: "16" },
    rounds: { type: "string", default: "5" },
    peer: { type: "string" },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const batchSize = Number(options.batch);
  const rounds = Number(options.rounds);
  if (!Number.isInteger(batchSize) || batchSize < 1 || !Number.isInteger(rounds) || rounds < 1)
    throw new SightlineError("USAGE", "--batch and --rounds are whole numbers, 1 or more");
  const figures: WorkloadFigures[] = WORKLOADS.map(({ layers, sizePx }) => ({ layers, sizePx, rounds: [] }));
  const threads = availableParallelism();
  const taken: Round[][] = WORKLOADS.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { layers, sizePx, firstBlock }] of WORKLOADS.entries()) {
      const job = { basePath: options.base, layers, sizePx, batchSize, threads, tick: clock.tick };
      const ours = await measureFineTuning(job);
      const peerImagesPerSecond =
        options.peer === undefined
          ? null
          : await peerSpeed(`${options.peer} ${sizePx} ${batchSize} ${threads} ${firstBlock}`);
      taken[index]?.push({ ours, peerImagesPerSecond });
    }
    process.stderr.write(`round ${round + 1} of ${rounds} done\n`);
  }
  const done = figures.map((figure, index) => ({ ...figure, rounds: taken[index] ?? [] }));
  const report = table(done, batchSize, threads);
  if (options.write !== undefined) await writeSection(options.write, "finetune", report);
  process.stdout.write(options.json ? `${JSON.stringify({ batchSize, threads, workloads: done }, null, 2)}\n` : report);
  return 0;
}

async function peerSpeed(command: string): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)("sh", ["-c", `${command} 2>/dev/null`]);
    return PeerLine.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).images_per_s;
  } catch (error) {
    throw new SightlineError("USAGE", `--peer did not print {"images_per_s":…}: ${messageOf(error)}`, { cause: error });
  }
}

function table(figures: readonly WorkloadFigures[], batchSize: number, threads: number): string {
  const rows = figures.map(({ layers, sizePx, rounds }) => {
    const ours = rounds.map((round) => round.ours.imagesPerSecond);
    const peers = rounds.flatMap(({ peerImagesPerSecond }) => peerImagesPerSecond ?? []);
    const ratios = rounds.flatMap(({ ours: { imagesPerSecond }, peerImagesPerSecond }) =>
      peerImagesPerSecond === null ? [] : [imagesPerSecond / peerImagesPerSecond],
    );
    return `| ${layers}, ${sizePx} px | ${spread(ours, 1)} | ${spread(peers, 1)} | ${spread(ratios, 2)} | 1 |`;
  });
  return `${threads} cores (${cpus()[0]?.model ?? "unknown"}), Node ${process.version}; batches of ${batchSize}, float32; medians (range) of ${figures[0]?.rounds.length ?? 0} rounds run in turn.

| trained | images/s | peer images/s | ratio, round by round | aim |
| --- | ---: | ---: | ---: | ---: |
${rows.join("\n")}
`;
}

function spread(values: readonly number[], digits: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return "-";
  const text = (value: number | undefined): string => (value ?? NaN).toFixed(digits);
  return `${text(sorted[Math.floor(sorted.length / 2)])} (${text(sorted[0])} to ${text(sorted.at(-1))})`;
}

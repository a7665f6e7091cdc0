import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { encodePng } from "../../imaging/encode-jpeg.ts";
import { encodeModel, type Model } from "../../onnx/model-file.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { loadBase } from "../../training/base-model.ts";
import { CALIBRATION_METHODS, type CalibrationFrames } from "../../training/calibrate-activations.ts";
import { readCalibrationFrames } from "../../training/calibration-frames.ts";
import { embeddingDistance, fitProbe, probeFrames, type Probe } from "../../training/compare-embeddings.ts";
import { modelPixels } from "../../training/model-pixels.ts";
import { holdOutParts } from "../../training/hold-out.ts";
import { type LearningSet, makeLearningSet, type Sample } from "../../training/learning-set.ts";
import { auroc } from "../../training/metrics.ts";
import { OnnxProcess } from "../../training/onnx-process.ts";
import { parity } from "../../training/parity.ts";
import { quantizeCheckpoint } from "../../training/quantize-checkpoint.ts";
import { readDataFolder } from "../../datasets/read-data-folder.ts";
import { parseCommandLine } from "../command-line.ts";
import { type Contestant, ContestantSession } from "./quantize-contestants.ts";
import { type ContestantFigures, quantizeReport } from "./quantize-report.ts";
import { median } from "./throughput.ts";
import { writeSection } from "./write-section.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DATA = join(ROOT, "..", "shared", "data");
const BACKBONE = "mobilenet_v1_1.0_imagenet_to_conv_pw_12.onnx";
const SIDE_PX = 224;
const SEED = 1;
/** As many as the peer's script takes. */
const CALIBRATED_ON = 64;
const RUNS_A_ROUND = 40;
const THREADS = [1, 2] as const;

const HELP = `usage: sightline bench quantize [options]

The same backbone in float32, in our int8 by each way of calibration and, with --peer, in another tool's int8, calibrated
on the same 64 inputs: size, time (all run in turn), distance of the embedding from float32, and what a linear probe
fitted on float32 embeddings of half the parts says to the other half.

  --base FILE     backbone (default ../shared/data/backbone/${BACKBONE})
  --data DIR      labelled images (default ../shared/data/magnetic-tile)
  --rounds N      rounds of timing (default 5)
  --peer COMMAND  shell command run with the arguments network.onnx quantized.onnx frames SIZE, all below --work
  --work DIR      where the peer reads and writes (default: a folder that is removed afterwards)
  --write FILE    put the table into this Markdown file, between its markers
  --json          one JSON document on stdout
`;

export async function benchQuantize(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    base: { type: "string", default: join(DATA, "backbone", BACKBONE) },
    data: { type: "string", default: join(DATA, "magnetic-tile") },
    rounds: { type: "string", default: "5" },
    peer: { type: "string" },
    work: { type: "string" },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const rounds = Number(options.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new SightlineError("USAGE", "--rounds is a whole number, 1 or more");
  const base = await loadBase(options.base, { widthPx: SIDE_PX, heightPx: SIDE_PX });
  const halves = halvesOf(await makeLearningSet([await readDataFolder(options.data)], {}));
  const frames = await readCalibrationFrames(halves.fit, {
    size: { widthPx: SIDE_PX, heightPx: SIDE_PX },
    regions: { mode: "full" },
    count: CALIBRATED_ON,
    seed: SEED,
  });
  const contestants = await ours(base, frames);
  if (options.peer !== undefined) {
    const work = await workFolder(options.work);
    try {
      contestants.push(await peerModel(options.peer, { work, base: options.base, frames }));
    } finally {
      if (options.work === undefined) await rm(work, { recursive: true, force: true });
    }
  }
  const figures = await compare(contestants, halves, rounds);
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? "unknown", node: process.version };
  const facts = { machine, calibratedOn: frames.pixels.length, judged: halves.test.length, rounds };
  const report = quantizeReport(figures, facts);
  if (options.write !== undefined) await writeSection(options.write, "quantize", report);
  process.stdout.write(options.json ? `${JSON.stringify({ ...facts, contestants: figures }, null, 2)}\n` : report);
  return 0;
}

interface Halves {
  readonly classes: LearningSet["classes"];
  readonly fit: readonly Sample[];
  readonly test: readonly Sample[];
}

function halvesOf({ classes, samples }: LearningSet): Halves {
  const held = new Set(holdOutParts(samples, 0.5, SEED));
  return { classes, fit: samples.filter((_, at) => !held.has(at)), test: samples.filter((_, at) => held.has(at)) };
}

async function ours(base: Model, frames: CalibrationFrames): Promise<Contestant[]> {
  const made: Contestant[] = [{ name: "float32", model: encodeModel(base), takes: "pixels" }];
  const runtime = new OnnxProcess();
  runtime.start();
  try {
    for (const method of CALIBRATION_METHODS) {
      const job = { checkpoint: base, frames, target: "cpu", method, runtime, onProgress: () => undefined } as const;
      const startTick = clock.tick();
      const { model } = await quantizeCheckpoint(job);
      note(`quantised, ${method}: ${((clock.tick() - startTick) / 1000).toFixed(1)} s`);
      made.push({ name: `ours, ${method}`, model: encodeModel(model), takes: "pixels" });
    }
  } finally {
    await runtime.stop();
  }
  return made;
}

const workFolder = async (path: string | undefined): Promise<string> => {
  if (path === undefined) return mkdtemp(join(tmpdir(), "sightline-quantize-"));
  await mkdir(path, { recursive: true });
  return resolve(path);
};

interface PeerJob {
  readonly work: string;
  readonly base: string;
  readonly frames: CalibrationFrames;
}

/** The frames go to the peer as our preprocessing made them, so that both calibrate on the same pixels. */
async function peerModel(command: string, { work, base, frames }: PeerJob): Promise<Contestant> {
  await writeFile(join(work, "network.onnx"), await readFile(base));
  await mkdir(join(work, "frames"), { recursive: true });
  for (const [at, pixels] of frames.pixels.entries()) {
    const png = await encodePng({ pixels, widthPx: SIDE_PX, heightPx: SIDE_PX, channels: 3 });
    // The peer's script lists *.jpg and looks at what is inside.
    await writeFile(join(work, "frames", `${at}.jpg`), png);
  }
  try {
    const line = `${command} network.onnx quantized.onnx frames ${SIDE_PX}`;
    await promisify(execFile)("sh", ["-c", line], { cwd: work });
    return { name: "peer", model: await readFile(join(work, "quantized.onnx")), takes: "planes" };
  } catch (error) {
    throw new SightlineError("USAGE", `--peer did not write quantized.onnx: ${messageOf(error)}`, { cause: error });
  }
}

async function compare(
  contestants: readonly Contestant[],
  halves: Halves,
  rounds: number,
): Promise<ContestantFigures[]> {
  const [reference] = contestants;
  if (reference === undefined) return [];
  const test = await readPixels(halves.test);
  const exact = await embedAll(reference, test);
  const probe = await fitProbe(await embedAll(reference, await readPixels(halves.fit)), halves.fit, halves.classes);
  const times = await timeInTurn(contestants, test[0] ?? new Uint8Array(), rounds);
  const judgedExactly = probeFrames(probe.head, exact, halves.test, halves.classes);
  const figures: ContestantFigures[] = [];
  for (const [at, contestant] of contestants.entries()) {
    const embeddings = at === 0 ? exact : await embedAll(contestant, test);
    note(`judged: ${contestant.name}`);
    figures.push({
      name: contestant.name,
      bytes: contestant.model.length,
      timesMs: times[at] ?? [],
      distance: embeddingDistance(exact, embeddings),
      ...judged(judgedExactly, embeddings, halves, probe),
    });
  }
  return figures;
}

function judged(
  exactly: ReturnType<typeof probeFrames>,
  embeddings: readonly Float32Array[],
  { test, classes }: Halves,
  { head, rules }: Probe,
) {
  const frames = probeFrames(head, embeddings, test, classes);
  const { verdictAgreement, classAgreement } = parity(exactly, frames, rules);
  return { auroc: auroc(frames), verdictAgreement, classAgreement };
}

async function embedAll(contestant: Contestant, inputs: readonly Uint8Array[]): Promise<Float32Array[]> {
  const session = await ContestantSession.open(contestant, 2);
  const embeddings: Float32Array[] = [];
  for (const pixels of inputs) embeddings.push(await session.embed(session.feeds(pixels, SIDE_PX)));
  await session.close();
  return embeddings;
}

/** Median ms of every round: [contestant][thread count][round]. */
async function timeInTurn(
  contestants: readonly Contestant[],
  pixels: Uint8Array,
  rounds: number,
): Promise<number[][][]> {
  const times = contestants.map(() => THREADS.map((): number[] => []));
  for (const [column, threads] of THREADS.entries()) {
    const sessions = await Promise.all(contestants.map((contestant) => ContestantSession.open(contestant, threads)));
    for (let round = 0; round < rounds; round++) {
      for (const [at, session] of sessions.entries()) {
        const feeds = session.feeds(pixels, SIDE_PX);
        await session.embed(feeds);
        const spans: number[] = [];
        for (let run = 0; run < RUNS_A_ROUND; run++) {
          const startTick = clock.tick();
          await session.embed(feeds);
          spans.push(clock.tick() - startTick);
        }
        times[at]?.[column]?.push(median(spans));
      }
    }
    for (const session of sessions) await session.close();
  }
  return times;
}

const readPixels = (samples: readonly Sample[]): Promise<Uint8Array[]> =>
  Promise.all(samples.map(({ image }) => modelPixels(image.path, { widthPx: SIDE_PX, heightPx: SIDE_PX })));

const note = (text: string): void => void process.stderr.write(`${text}\n`);

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SightlineError } from "../../contracts/errors.ts";
import { MODEL_INPUT } from "../../contracts/model-bundle.ts";
import type { DriftObservation } from "../../drift/observation.ts";
import { decodeImage } from "../../imaging/decode-image.ts";
import { frameStatistics } from "../../imaging/frame-statistics.ts";
import type { Image } from "../../imaging/image.ts";
import { ngScore } from "../../pipeline/decide/decide.ts";
import { MODEL_FILE, openBundle } from "../../pipeline/infer/open-bundle.ts";
import type { ModelBundle } from "../../pipeline/infer/inference-engine.ts";
import { planRegions, preprocess } from "../../pipeline/preprocess/preprocess.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { OnnxProcess } from "../../training/onnx-process.ts";
import { readDataFolder } from "../../datasets/read-data-folder.ts";
import { parseCommandLine } from "../command-line.ts";
import { numberOption } from "../number-option.ts";
import { progressLine } from "../progress-line.ts";
import { DISTURBANCES } from "./disturbances.ts";
import { type DriftFigures, type DriftRunOptions, driftRuns } from "./drift-runs.ts";
import { writeSection } from "./write-section.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const HELP = `usage: sightline bench drift [options]

How soon the drift detector finds what happens to a camera, and how often it alarms for nothing. Frames whose metadata
column has one of the usual values are the station as commissioned; the others, and the usual ones made darker, brighter,
blurred and dusty, are what it turns into. Streams are drawn from them at random, many runs each.

  --model DIR      bundle (default models/tile-surface)
  --data DIR       photographs (default ../shared/data/magnetic-tile)
  --column NAME    metadata column that tells the usual from the changed (default lighting)
  --usual VALUES   its usual values, with commas (default 1,2,3)
  --runs N         runs (default 50)
  --frames N       frames a station is commissioned on (default 400)
  --every N        frames between two false alarms, as asked of the detector (default 604800)
  --seed N         seed (default 1)
  --write FILE     put the table into this Markdown file, between its markers
  --json           one JSON document on stdout
`;

const WHOLE = {
  takes: "a whole number, 1 or more",
  accepts: (value: number) => Number.isInteger(value) && value > 0,
} as const;
const QUIET_FRAMES = 20_000;
const MOST_FRAMES = 5000;

export async function benchDrift(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    model: { type: "string", default: join(ROOT, "models", "tile-surface") },
    data: { type: "string", default: join(ROOT, "..", "shared", "data", "magnetic-tile") },
    column: { type: "string", default: "lighting" },
    usual: { type: "string", default: "1,2,3" },
    runs: { type: "string", default: "50" },
    frames: { type: "string", default: "400" },
    every: { type: "string", default: "604800" },
    seed: { type: "string", default: "1" },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const runOptions: DriftRunOptions = {
    runs: numberOption(options.runs, "runs", WHOLE),
    referenceFrames: numberOption(options.frames, "frames", WHOLE),
    falseAlarmEveryFrames: numberOption(options.every, "every", WHOLE),
    ...{ quietFrames: QUIET_FRAMES, mostFrames: MOST_FRAMES, seed: numberOption(options.seed, "seed", WHOLE) },
  };
  const progress = progressLine(process.stderr, clock.tick);
  const bundle = await openBundle(options.model);
  const { usual, changes } = await observe(options, bundle, progress);
  const figures = driftRuns(usual, changes, runOptions, (done) => progress("runs", done, runOptions.runs));
  const report = table(figures, runOptions, usual.length, bundle);
  if (options.write !== undefined) await writeSection(options.write, "drift", report);
  process.stdout.write(options.json ? `${JSON.stringify({ ...runOptions, ...figures }, null, 2)}\n` : report);
  return 0;
}

interface Observed {
  readonly usual: readonly DriftObservation[];
  readonly changes: ReadonlyMap<string, readonly DriftObservation[]>;
}

async function observe(
  options: { readonly data: string; readonly column: string; readonly usual: string },
  bundle: ModelBundle,
  progress: (stage: string, done: number, total: number) => void,
): Promise<Observed> {
  const { images } = await readDataFolder(options.data);
  const isUsual = new Set(options.usual.split(",").map((value) => value.trim()));
  const usual: DriftObservation[] = [];
  const changes = new Map<string, DriftObservation[]>(
    [otherValues(options.column), ...DISTURBANCES.map(({ name }) => name)].map((name) => [name, []]),
  );
  const runtime = new OnnxProcess();
  runtime.start();
  try {
    await runtime.load(await readFile(join(bundle.directoryPath, MODEL_FILE)));
    for (const [index, { path, metadata }] of images.entries()) {
      const value = metadata[options.column];
      if (value === undefined)
        throw new SightlineError("DATA_INVALID", `${options.data}: index.csv has no column "${options.column}"`);
      const decoded = await decodeImage(await readFile(path));
      if (!decoded.ok) continue;
      if (isUsual.has(value)) {
        usual.push(await observation(decoded.image, bundle, runtime));
        for (const { name, apply } of DISTURBANCES)
          changes.get(name)?.push(await observation(apply(decoded.image), bundle, runtime));
      } else changes.get(otherValues(options.column))?.push(await observation(decoded.image, bundle, runtime));
      progress("frames", index + 1, images.length);
    }
  } finally {
    await runtime.stop();
  }
  if (usual.length === 0)
    throw new SightlineError("DATA_INVALID", `no frame has ${options.column} ${options.usual}; see --usual`);
  return { usual, changes };
}

const otherValues = (column: string): string => `other ${column}`;

async function observation(frame: Image, bundle: ModelBundle, runtime: OnnxProcess): Promise<DriftObservation> {
  const { manifest } = bundle;
  const input = { widthPx: manifest.input.width, heightPx: manifest.input.height };
  const regions = planRegions(frame, manifest.regions);
  const data = preprocess(frame, regions, input);
  const dims = [regions.length, input.heightPx, input.widthPx, 3];
  const [probabilities = new Float32Array(), embeddings = new Float32Array()] = await runtime.run(
    [{ name: MODEL_INPUT, type: "uint8", data, dims }],
    ["probabilities", "embedding"],
  );
  const classes = manifest.classes.length;
  const rows = regions.map((_, row) => probabilities.subarray(row * classes, (row + 1) * classes));
  const scores = rows.map((row) => ngScore(row, manifest.classes));
  const worst = scores.indexOf(Math.max(...scores));
  const size = embeddings.length / regions.length;
  const { meanLuminance, darkShare, brightShare, sharpness } = frameStatistics(frame, { thumbnail: false });
  return {
    ...{ brightness: meanLuminance, darkShare, brightShare, sharpness },
    ngScore: scores[worst] ?? 0,
    confidence: Math.max(...(rows[worst] ?? [])),
    embedding: embeddings.slice(worst * size, (worst + 1) * size),
  };
}

function table(
  { falseAlarms, quietFrames, delays }: DriftFigures,
  { runs, referenceFrames, falseAlarmEveryFrames, mostFrames }: DriftRunOptions,
  usualFrames: number,
  { manifest }: ModelBundle,
): string {
  const rows = delays.map(
    ({ name, found, medianFrames, p90Frames, streams }) =>
      `| ${name} | ${found} of ${runs} | ${medianFrames} | ${p90Frames} | ${streams.slice(0, 3).join(", ")} |`,
  );
  return `${runs} runs; model ${manifest.name} ${manifest.version}; each station commissioned on ${referenceFrames} frames drawn from ${usualFrames} photographs; asked for one false alarm in ${falseAlarmEveryFrames} frames; ${falseAlarms} in ${quietFrames} quiet frames, ${((1e5 * falseAlarms) / quietFrames).toFixed(2)} in 100,000.

| change | found within ${mostFrames} frames | median delay, frames | 90 % within | first told by |
| --- | ---: | ---: | ---: | --- |
${rows.join("\n")}
`;
}

import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import type { QuantizationTarget } from "../onnx/quantize/plan-quantization.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { CALIBRATION_METHODS, type CalibrationMethod, pixelTensor } from "../training/calibrate-activations.ts";
import { readBundle } from "../training/edit-bundle.ts";
import type { InputSizePx } from "../training/model-pixels.ts";
import { makeLearningSet } from "../training/learning-set.ts";
import { OnnxProcess } from "../training/onnx-process.ts";
import { LARGEST_LOSS } from "../training/parity.ts";
import { type JudgedQuality, quantizeBundle, type QuantizedBundle } from "../training/quantize-bundle.ts";
import { CALIBRATION_FRAMES, DEFAULT_METHOD } from "../training/quantize-checkpoint.ts";
import { readDataFolder } from "../datasets/read-data-folder.ts";
import { assertReplaceable } from "../training/write-bundle.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { progressLine } from "./progress-line.ts";

const HELP = `usage: sightline quantize --model DIR --data DIR [options]

Makes model.onnx of a bundle anew: int8, from its float32 checkpoint.onnx. Both are judged on all of the data, and nothing
is written when int8 costs too much. The certificate is taken off, since it was for another file.

  --model DIR       bundle with checkpoint.onnx
  --data DIR        labelled images to calibrate and to compare on; may be given several times
  --out DIR         the int8 bundle (default: in place)
  --target WHAT     cpu (uint8 activations, x86 and ARM) or tensorrt (int8 around 0) (default cpu)
  --method WHAT     range of the activations: ${CALIBRATION_METHODS.join(", ")} (default ${DEFAULT_METHOD})
  --frames N        inputs to calibrate on (default ${CALIBRATION_FRAMES})
  --max-loss X      most AUROC to lose (default ${LARGEST_LOSS.auroc}); balanced accuracy may lose twice that
  --split-by COL    column that names the physical part, for the intervals
  --good NAMES      labels of good parts, with commas
  --json            one JSON document on stdout
`;

const OPTIONS = {
  model: { type: "string" },
  data: { type: "string", multiple: true },
  out: { type: "string" },
  target: { type: "string", default: "cpu" },
  method: { type: "string", default: DEFAULT_METHOD },
  frames: { type: "string", default: String(CALIBRATION_FRAMES) },
  "max-loss": { type: "string", default: String(LARGEST_LOSS.auroc) },
  "split-by": { type: "string" },
  good: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

const SEED = 1;
const TIMED_RUNS = 40;
const STAGES = {
  quantize: "calibrating int8",
  "judge-float32": "judging in float32",
  "judge-int8": "judging in int8",
} as const;

export const quantize: Command = {
  name: "quantize",
  summary: "INT8 model.onnx from the checkpoint, with the accuracy it cost",
  async run(args) {
    const options = parseCommandLine(args, OPTIONS);
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const modelPath = required(options.model, "model");
    const dataPaths = options.data ?? [];
    if (dataPaths.length === 0) throw new SightlineError("USAGE", "--data is needed; see --help");
    const outPath = resolve(options.out ?? modelPath);
    const plan = {
      target: oneOf<QuantizationTarget>(options.target, "target", ["cpu", "tensorrt"]),
      method: oneOf<CalibrationMethod>(options.method, "method", CALIBRATION_METHODS),
      frames: numberIn(options.frames, "frames", 1, 10_000),
      largestLoss: lossOf(options["max-loss"]),
    };
    assertReplaceable(outPath, await readdir(outPath).catch(() => []));
    const bundle = await readBundle(modelPath);
    const folders = await Promise.all(dataPaths.map(readDataFolder));
    for (const { path, refused } of folders) {
      for (const { file, reason } of refused) note(`${path}: left out: ${file}: ${reason}`);
    }
    const set = await makeLearningSet(folders, {
      ...(options["split-by"] === undefined ? {} : { splitBy: options["split-by"] }),
      ...(options.good === undefined ? {} : { goodLabels: options.good.split(",").map((label) => label.trim()) }),
    });
    const progress = progressLine(process.stderr, clock.tick);
    const runtime = new OnnxProcess();
    runtime.start();
    try {
      const quantized = await quantizeBundle({
        ...plan,
        bundle,
        outPath,
        set,
        seed: SEED,
        runtime,
        onProgress: (stage, done, total) => progress(STAGES[stage], done, total),
      });
      for (const { file, reason } of quantized.unreadable) note(`left out: ${file}: ${reason}`);
      const { width, height } = bundle.manifest.input;
      const speed = await timeModels(runtime, quantized, { widthPx: width, heightPx: height });
      process.stdout.write(
        options.json
          ? `${JSON.stringify(summaryOf(quantized, speed, outPath))}\n`
          : readable(quantized, speed, outPath, plan.target),
      );
    } finally {
      await runtime.stop();
    }
    return 0;
  },
};

interface Speed {
  readonly float32Ms: number;
  readonly int8Ms: number;
}

/** Median of one input after the other, one thread, messages to the process and back included. */
async function timeModels(runtime: OnnxProcess, { models }: QuantizedBundle, size: InputSizePx): Promise<Speed> {
  const pixels = pixelTensor(size, new Uint8Array(size.widthPx * size.heightPx * 3).fill(127));
  const time = async (model: Uint8Array): Promise<number> => {
    await runtime.load(model, 1);
    const spans: number[] = [];
    for (let run = 0; run < TIMED_RUNS; run++) {
      const start = clock.tick();
      await runtime.run([pixels], ["probabilities"]);
      spans.push(clock.tick() - start);
    }
    return spans.sort((a, b) => a - b)[TIMED_RUNS >> 1] ?? NaN;
  };
  return { float32Ms: await time(models.float32), int8Ms: await time(models.int8) };
}

function summaryOf({ manifest, cost, float32, int8, layers, unreadable }: QuantizedBundle, speed: Speed, out: string) {
  const { name, version } = manifest;
  return { out, name, version, cost, float32, int8, speed, layers, unreadable };
}

function readable(
  { cost, float32, int8, layers }: QuantizedBundle,
  speed: Speed,
  outPath: string,
  target: QuantizationTarget,
): string {
  const row = (name: string, quality: JudgedQuality, ms: number): string =>
    `  ${name.padEnd(8)} AUROC ${quality.auroc.toFixed(4)} (95 % ${quality.aurocInterval.low.toFixed(3)} to ` +
    `${quality.aurocInterval.high.toFixed(3)}), balanced accuracy ${quality.balancedAccuracy.toFixed(4)} (` +
    `${quality.balancedAccuracyInterval.low.toFixed(3)} to ${quality.balancedAccuracyInterval.high.toFixed(3)}), ` +
    `${(quality.bytes / 1e6).toFixed(2)} MB, ${ms.toFixed(2)} ms\n`;
  const [worst] = layers;
  return (
    `${outPath}\n${row("float32", float32, speed.float32Ms)}${row("int8", int8, speed.int8Ms)}` +
    `  same verdict on ${percent(cost.verdictAgreement)}, same class on ${percent(cost.classAgreement)} of ${cost.frames} ` +
    `frames; largest change of an NG score ${cost.largestScoreChange.toFixed(3)}\n` +
    (worst === undefined ? "" : `  most noise from ${worst.layer} (${worst.signalToNoiseDb.toFixed(1)} dB)\n`) +
    (target === "tensorrt" ? "  a TensorRT graph runs in float32 on a CPU: its time here says nothing\n" : "") +
    "  no certificate holds for the new file: run sightline calibrate\n"
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const note = (text: string): void => void process.stderr.write(`${text}\n`);

function oneOf<T extends string>(text: string, option: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) throw new SightlineError("USAGE", `--${option} ${text}: use ${choices.join(" or ")}`);
  return choice;
}

function numberIn(text: string, option: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new SightlineError("USAGE", `--${option} ${text}: use a whole number from ${least} to ${most}`);
  return value;
}

function lossOf(text: string) {
  const auroc = Number(text);
  if (text.trim() === "" || !(auroc >= 0 && auroc <= 1))
    throw new SightlineError("USAGE", `--max-loss ${text}: use a number from 0 to 1`);
  return { auroc, balancedAccuracy: (LARGEST_LOSS.balancedAccuracy / LARGEST_LOSS.auroc) * auroc };
}

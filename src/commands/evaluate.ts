import { mkdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { SightlineError } from "../contracts/errors.ts";
import { systemClock as clock, toIso } from "../platform/clock.ts";
import { writeDurably } from "../platform/durable-file.ts";
import { readBundle } from "../training/edit-bundle.ts";
import { type EvaluatedBundle, evaluateBundle } from "../training/evaluate-bundle.ts";
import { evaluationReport } from "../training/evaluation-report.ts";
import type { LearningSet } from "../training/learning-set.ts";
import { OnnxProcess } from "../training/onnx-process.ts";
import { takeEvenly } from "../training/take-evenly.ts";
import { thumbnailsOfMistakes } from "../training/thumbnails.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { evaluationText } from "./evaluation-text.ts";
import { type JudgedData, readJudgedData } from "./judged-data.ts";
import { numberOption } from "./number-option.ts";
import { progressLine } from "./progress-line.ts";

const HELP = `usage: sightline evaluate --model DIR --data DIR [options]

Judges labelled images as a device would and says how good the model is: AUROC, average precision, escape and overkill
with exact intervals by part, every class, calibration, risk and coverage, int8 against float32, speed.

  --model DIR       bundle to evaluate
  --data DIR        labelled images; may be given several times
  --report FILE     writes a page with plots and the worst mistakes, readable without this tool
  --slice COL       figures for every value of this metadata column; may be given several times
  --split-by COL    column that names the physical part
                    (default: part, tile, board_group, board, serial or group, where there is one)
  --good NAMES      further labels of good parts, with commas
  --max N           at most N frames, every label represented, chosen by the seed
  --seed N          of that choice and of the intervals (default 1)
  --json            one JSON document on stdout
`;

const OPTIONS = {
  model: { type: "string" },
  data: { type: "string", multiple: true },
  report: { type: "string" },
  slice: { type: "string", multiple: true },
  "split-by": { type: "string" },
  good: { type: "string" },
  max: { type: "string" },
  seed: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
} as const;

const STAGES = { judge: "judging frames", float32: "judging in float32", speed: "timing" } as const;
const note = (line: string): void => void process.stderr.write(`${line}\n`);
const COUNT = { takes: "a whole number", accepts: (value: number) => Number.isInteger(value) && value >= 0 } as const;
const POSITIVE = {
  takes: "a whole number, 1 or more",
  accepts: (value: number) => Number.isInteger(value) && value >= 1,
};

export const evaluate: Command = {
  name: "evaluate",
  summary: "how good a model is on labelled images, with a report",
  async run(args) {
    const options = parseCommandLine(args, OPTIONS);
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const seed = numberOption(options.seed, "seed", COUNT);
    const most = options.max === undefined ? Infinity : numberOption(options.max, "max", POSITIVE);
    const path = required(options.model, "model");
    const dataPaths = options.data ?? [];
    const bundle = await readBundle(path);
    const data = await readJudgedData(dataPaths, bundle.manifest.classes, {
      splitBy: options["split-by"],
      good: options.good,
      note,
    });
    const set = {
      ...data.set,
      samples: takeEvenly(data.set.samples, most, ({ source, label }) => `${source} ${label}`, seed),
    };
    const sliceBy = options.slice ?? [];
    checkColumns(set, sliceBy);
    const progress = progressLine(process.stderr, clock.tick);
    const runtime = new OnnxProcess();
    runtime.start();
    try {
      const evaluated = await evaluateBundle({
        bundle,
        set,
        sliceBy,
        seed,
        runtime,
        tickMs: clock.tick,
        onProgress: (stage, done, total) => progress(STAGES[stage], done, total),
      });
      for (const { file, reason } of evaluated.unreadable) note(`left out: ${file}: ${reason}`);
      const { trainedFrames, frames } = evaluated.evaluation;
      if (trainedFrames > 0) note(`warning: the model was trained on ${trainedFrames} of these ${frames} frames`);
      const dataNames = dataPaths.map((each) => basename(resolve(each)));
      if (options.report !== undefined) await writeReport(options.report, { evaluated, data, dataNames });
      process.stdout.write(
        options.json
          ? `${JSON.stringify(documentOf(evaluated, { path, report: options.report ?? null, data }))}\n`
          : evaluationText(evaluated, { path, reportPath: options.report }),
      );
      return 0;
    } finally {
      await runtime.stop();
    }
  },
};

function checkColumns({ samples }: LearningSet, columns: readonly string[]): void {
  const known = [...new Set(samples.flatMap(({ image }) => Object.keys(image.metadata)))];
  for (const column of columns) {
    if (known.includes(column)) continue;
    throw new SightlineError("USAGE", `--slice ${column}: the data have ${known.join(", ") || "no metadata columns"}`);
  }
}

async function writeReport(
  path: string,
  facts: { readonly evaluated: EvaluatedBundle; readonly data: JudgedData; readonly dataNames: readonly string[] },
): Promise<void> {
  const { evaluation, model, unreadable } = facts.evaluated;
  const html = evaluationReport({
    model,
    evaluation,
    dataNames: facts.dataNames,
    createdAt: toIso(clock.wallNow()),
    leftOut: [...facts.data.refused, ...unreadable],
    thumbnails: await thumbnailsOfMistakes(evaluation, facts.data.set.samples),
  });
  await mkdir(dirname(resolve(path)), { recursive: true });
  await writeDurably(resolve(path), html);
}

const documentOf = (
  { model, evaluation, unreadable }: EvaluatedBundle,
  about: { readonly path: string; readonly report: string | null; readonly data: JudgedData },
): object => ({
  model: {
    path: about.path,
    name: model.manifest.name,
    version: model.manifest.version,
    sha256: model.modelSha256,
    bytes: model.modelBytes,
    certificate: model.manifest.certificate,
  },
  data: {
    version: about.data.set.version,
    splitBy: about.data.set.splitColumns,
    refused: about.data.refused,
    unreadable: unreadable.map(({ file, reason }) => ({ file, reason })),
  },
  report: about.report,
  ...evaluation,
});

import { mkdir, readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { analysePredictions, type PredictionAnalysis } from "../analysis/analyse-predictions.ts";
import { analysisReport } from "../analysis/analysis-report.ts";
import type { ErrorPrices } from "../analysis/error-table.ts";
import type { Prediction, ReadFile } from "../analysis/predictions.ts";
import { readPredictions } from "../analysis/read-predictions.ts";
import { readTags, withTags } from "../analysis/read-tags.ts";
import { ERRORS_TO_READ } from "../analysis/sample-errors.ts";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import { systemClock as clock, toIso } from "../platform/clock.ts";
import { csvLine } from "../platform/csv.ts";
import { writeDurably } from "../platform/durable-file.ts";
import { nearestWord } from "../platform/nearest-word.ts";
import { analysisText } from "./analysis-text.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { numberOption } from "./number-option.ts";

const HELP = `usage: sightline diagnose --predictions FILE [options]

Says where the errors of any classifier are, whether it suffers from bias, variance, mismatch or bad labels, and what to
try next with what expected gain. docs/error-analysis.md works through an example.

  --predictions FILE   CSV or JSON Lines: id, label, predicted; where there are, split (train, validation, production,
                       test), group, model_version, score_CLASS, embedding, second_label, tags; the rest is metadata
  --tags FILE          tags of errors: id,tag or id,tags (with semicolons), or a column a tag with marks
  --baseline-error X   error rate of a person, or the one that is wanted, 0 to 1
                       (default: how often second_label differs, where there is one)
  --wanted-error X     the error rate that is wanted, where it is lower than the baseline
  --good NAMES         classes that are no defect, with commas: tells escapes from overkill
  --escape-cost X      price of a defect passed; --overkill-cost X of a good one rejected
  --images             the cases are images: advice speaks of camera and light
  --sample N           errors drawn at random to be read (default ${ERRORS_TO_READ})
  --sample-out FILE    writes them as CSV with an empty column for tags
  --report FILE        writes a page with plots, readable without this tool
  --seed N             of halves, clusters and samples (default 1)
  --json               one JSON document on stdout
`;

const OPTIONS = {
  predictions: { type: "string" },
  tags: { type: "string" },
  "baseline-error": { type: "string" },
  "wanted-error": { type: "string" },
  good: { type: "string" },
  "escape-cost": { type: "string" },
  "overkill-cost": { type: "string" },
  images: { type: "boolean", default: false },
  sample: { type: "string", default: String(ERRORS_TO_READ) },
  "sample-out": { type: "string" },
  report: { type: "string" },
  seed: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
} as const;

const COUNT = { takes: "a whole number", accepts: (value: number) => Number.isInteger(value) && value >= 0 } as const;
const RATE = { takes: "a number from 0 to below 1", accepts: (value: number) => value >= 0 && value < 1 } as const;
const PRICE = { takes: "a number, 0 or more", accepts: (value: number) => value >= 0 } as const;
const note = (line: string): void => void process.stderr.write(`${line}\n`);

export const diagnose: Command = {
  name: "diagnose",
  summary: "where a classifier's errors are, why, and what to try next",
  async run(args) {
    const options = parseCommandLine(args, OPTIONS);
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const path = required(options.predictions, "predictions");
    const rate = (name: "baseline-error" | "wanted-error"): number | null =>
      options[name] === undefined ? null : numberOption(options[name], name, RATE);
    const wishes = {
      baselineError: rate("baseline-error"),
      wantedError: rate("wanted-error"),
      prices: pricesIn(options["escape-cost"], options["overkill-cost"]),
      task: options.images ? ("images" as const) : ("any" as const),
      seed: numberOption(options.seed, "seed", COUNT),
      sample: numberOption(options.sample, "sample", COUNT),
    };
    const { items, warnings } = await readCases(path, options.tags);
    for (const warning of warnings) note(`warning: ${warning}`);
    const goodClasses = goodClassesIn(options.good, items);
    if (wishes.prices !== null && goodClasses.length === 0)
      throw new SightlineError("USAGE", "--escape-cost and --overkill-cost need --good: which classes are no defect?");
    const analysis = analysePredictions(items, { ...wishes, goodClasses });
    if (options.report !== undefined)
      await write(
        options.report,
        analysisReport({
          title: `Errors in ${basename(path)}`,
          createdAt: toIso(clock.wallNow()),
          analysis,
          warnings,
        }),
      );
    if (options["sample-out"] !== undefined) await write(options["sample-out"], sampleCsv(analysis));
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ schema: 1, predictions: path, report: options.report ?? null, warnings, ...analysis })}\n`
        : analysisText(analysis, { path, reportPath: options.report, samplePath: options["sample-out"] }),
    );
    return 0;
  },
};

async function readCases(path: string, tagsPath: string | undefined): Promise<ReadFile<Prediction>> {
  const predictions = readPredictions(path, await bytesOf(path));
  if (tagsPath === undefined) return predictions;
  const tags = readTags(tagsPath, await bytesOf(tagsPath));
  const tagged = withTags(tagsPath, predictions.items, tags.items);
  return { items: tagged.items, warnings: [...predictions.warnings, ...tags.warnings, ...tagged.warnings] };
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new SightlineError("FILE_INVALID", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function pricesIn(escape: string | undefined, overkill: string | undefined): ErrorPrices | null {
  if (escape === undefined && overkill === undefined) return null;
  return {
    escape: numberOption(escape ?? "0", "escape-cost", PRICE),
    overkill: numberOption(overkill ?? "0", "overkill-cost", PRICE),
  };
}

function goodClassesIn(text: string | undefined, predictions: readonly Prediction[]): string[] {
  const names = text?.split(",").map((name) => name.trim()) ?? [];
  const known = [...new Set(predictions.flatMap(({ label, predicted }) => [label, predicted]))];
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = nearestWord(name, known);
    const hint = meant === undefined ? `there are ${known.slice(0, 20).join(", ")}` : `did you mean ${meant}?`;
    throw new SightlineError("USAGE", `--good ${name}: no case has this class; ${hint}`);
  }
  return names;
}

const sampleCsv = ({ sample }: PredictionAnalysis): string =>
  csvLine(["id", "label", "predicted", "tags"]) +
  sample.map(({ id, label, predicted }) => csvLine([id, label, predicted, ""])).join("");

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  await writeDurably(resolve(path), text);
}

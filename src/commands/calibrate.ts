import { SightlineError } from "../contracts/errors.ts";
import { systemClock as clock, toIso } from "../platform/clock.ts";
import { type Calibration, calibrateBundle } from "../training/calibrate-bundle.ts";
import type { PromiseTerms } from "../statistics/exact-promise.ts";
import type { LimitWishes } from "../training/choose-limits.ts";
import type { VerdictCosts } from "../training/cost-limits.ts";
import { readBundle } from "../training/edit-bundle.ts";
import { OnnxProcess } from "../training/onnx-process.ts";
import type { Command } from "./command.ts";
import { parseCommandLine, required } from "./command-line.ts";
import { readJudgedData } from "./judged-data.ts";
import { numberOption, shareOption } from "./number-option.ts";
import { progressLine } from "./progress-line.ts";

const HELP = `usage: sightline calibrate --model DIR --data DIR [options]

Makes the model's probabilities honest on parts it never saw, chooses the limits of pass and reject, and certifies what
the parts can prove: "escape rate at most alpha with confidence". The bundle in DIR is replaced. Parts count, not frames.

  --model DIR         bundle to calibrate
  --data DIR          labelled images of held-out parts; may be given several times. Frames of parts the model was
                      trained on (training-files.txt) and synthetic frames are left out
  --max-escape A      most defective parts that may pass, as a share (default 0.01, unless costs are given)
  --max-overkill A    most good parts that may be rejected, as a share (default: no promise; 5 % of the parts at hand)
  --confidence C      of both promises (default 0.95); 1 % at 95 % needs 299 defective parts or more
  --cost-escape E     cost of a defective part passed, of a good part rejected, of a part left to a person: limits of
  --cost-overkill O   least expected cost, within the promises asked for. All three or none
  --cost-review R
  --keep-temperature  choose limits only: temperature and class biases stay
  --held-out          you vouch that no part was trained on, for a bundle without training-files.txt
  --split-by COL      column that names the physical part
                      (default: part, tile, board_group, board, serial or group, where there is one)
  --good NAMES        further labels of good parts, with commas
  --json              one JSON document on stdout

Where the data cannot support a promise the limits are set, the certificate stays empty, and it says what is missing.
`;

const OPTIONS = {
  model: { type: "string" },
  data: { type: "string", multiple: true },
  "max-escape": { type: "string" },
  "max-overkill": { type: "string" },
  confidence: { type: "string", default: "0.95" },
  "cost-escape": { type: "string" },
  "cost-overkill": { type: "string" },
  "cost-review": { type: "string" },
  "keep-temperature": { type: "boolean", default: false },
  "held-out": { type: "boolean", default: false },
  "split-by": { type: "string" },
  good: { type: "string" },
  json: { type: "boolean", default: false },
} as const;
type Options = ReturnType<typeof parseCommandLine<typeof OPTIONS>>;

const DEFAULT_MAX_ESCAPE = "0.01";
const STAGES = { judge: "judging frames", certify: "judging calibrated" } as const;
const note = (line: string): void => void process.stderr.write(`${line}\n`);

export const calibrate: Command = {
  name: "calibrate",
  summary: "temperature, limits and the certificate of a model",
  async run(args) {
    const options = parseCommandLine(args, OPTIONS);
    if (options.help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const path = required(options.model, "model");
    const wishes = wishesOf(options);
    const bundle = await readBundle(path);
    const { set } = await readJudgedData(options.data ?? [], bundle.manifest.classes, {
      splitBy: options["split-by"],
      good: options.good,
      note,
    });
    const progress = progressLine(process.stderr, clock.tick);
    const runtime = new OnnxProcess();
    runtime.start();
    try {
      const calibration = await calibrateBundle({
        path,
        bundle,
        set,
        wishes,
        keepTemperature: options["keep-temperature"],
        vouched: options["held-out"],
        runtime,
        issuedAt: toIso(clock.wallNow()),
        onProgress: (stage, done, total) => progress(STAGES[stage], done, total),
      });
      for (const { file, reason } of calibration.unreadable) note(`left out: ${file}: ${reason}`);
      process.stdout.write(
        options.json ? `${JSON.stringify(documentOf(path, calibration))}\n` : readable(path, calibration),
      );
      return 0;
    } finally {
      await runtime.stop();
    }
  },
};

function wishesOf(options: Options): LimitWishes {
  const confidence = shareOption(options.confidence, "confidence");
  const termsOf = (option: "max-escape" | "max-overkill", text: string | undefined): PromiseTerms | null =>
    text === undefined ? null : { maxRate: shareOption(text, option), confidence };
  const costs = costsOf(options);
  const maxEscape = options["max-escape"] ?? (costs === null ? DEFAULT_MAX_ESCAPE : undefined);
  return {
    escape: termsOf("max-escape", maxEscape),
    overkill: termsOf("max-overkill", options["max-overkill"]),
    costs,
  };
}

function costsOf(options: Options): VerdictCosts | null {
  const names = ["cost-escape", "cost-overkill", "cost-review"] as const;
  const missing = names.filter((name) => options[name] === undefined);
  if (missing.length === names.length) return null;
  if (missing.length > 0) {
    throw new SightlineError(
      "USAGE",
      `--${missing.join(" and --")} is missing: costs are given all three or not at all`,
    );
  }
  const cost = (name: (typeof names)[number]): number =>
    numberOption(options[name] ?? "", name, { takes: "0 or more", accepts: (value) => value >= 0 });
  return { escape: cost("cost-escape"), overkill: cost("cost-overkill"), review: cost("cost-review") };
}

const documentOf = (path: string, { manifest, temperature, chosen, certificate, ...rest }: Calibration): object => ({
  model: path,
  name: manifest.name,
  version: manifest.version,
  decision: manifest.decision,
  temperature,
  certificate,
  escape: chosen.escape,
  overkill: chosen.overkill,
  costPerPart: chosen.costPerPart,
  leftOut: { ...rest.leftOut, unreadable: rest.unreadable },
  sentences: rest.sentences,
});

function readable(path: string, { manifest, temperature, chosen, leftOut, sentences }: Calibration): string {
  const { passBelow, rejectFrom } = manifest.decision;
  const fitted =
    temperature.regions === 0 ? "kept" : `was ${temperature.before.toFixed(3)}, ${temperature.regions} regions`;
  const cost = chosen.costPerPart === null ? "" : `\n  cost per part   ${chosen.costPerPart.toPrecision(4)}`;
  return `${path}
  temperature     ${temperature.after.toFixed(3)} (${fitted})
  pass below      ${passBelow.toPrecision(6)}
  reject from     ${rejectFrom.toPrecision(6)}${cost}
  left out        ${leftOut.trained} frames of trained parts, ${leftOut.synthetic} synthetic
${sentences.map((sentence) => `  ${sentence}`).join("\n")}
`;
}

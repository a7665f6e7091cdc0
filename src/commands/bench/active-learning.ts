import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { choiceCurve, CHOICE_DEFAULTS, type ChoiceCase, type ChoiceCurve } from "../../analysis/choice-curve.ts";
import { systemClock as clock } from "../../platform/clock.ts";
import { loadBase } from "../../training/base-model.ts";
import { embedRegions } from "../../training/embed-regions.ts";
import { makeLearningSet } from "../../training/learning-set.ts";
import { OnnxProcess } from "../../training/onnx-process.ts";
import { fillPixelStore } from "../../training/pixel-store.ts";
import { readDataFolder } from "../../datasets/read-data-folder.ts";
import { listTrainingRegions } from "../../training/training-samples.ts";
import { parseCommandLine } from "../command-line.ts";
import { numberOption } from "../number-option.ts";
import { type Progress, progressLine } from "../progress-line.ts";
import { writeSection } from "./write-section.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BACKBONE = "mobilenet_v1_1.0_imagenet_to_conv_pw_12.onnx";

const HELP = `usage: sightline bench active-learning [options]

Is choosing frames better than chance? Labelled photographs pass as a line; labels are asked for a batch at a time, by the
policy and at random; a linear head on embeddings learns from them and is judged on parts held out. Many seeds.

  --data DIR        labelled photographs (default ../shared/data/magnetic-tile)
  --base FILE       backbone (default ../shared/data/backbone/${BACKBONE})
  --size PX         side of its input (default 224)
  --seeds N         seeds (default ${CHOICE_DEFAULTS.seeds})
  --batch N         labels at a time (default ${CHOICE_DEFAULTS.batch})
  --window N        frames that pass between two batches (default ${CHOICE_DEFAULTS.window})
  --most N          labels at which the curves end (default ${CHOICE_DEFAULTS.mostLabels})
  --write FILE      put the table into this Markdown file, between its markers
  --json            one JSON document on stdout
`;

const WHOLE = {
  takes: "a whole number, 1 or more",
  accepts: (value: number) => Number.isInteger(value) && value > 0,
} as const;

export async function benchActiveLearning(args: string[]): Promise<number> {
  const options = parseCommandLine(args, {
    data: { type: "string", default: join(ROOT, "..", "shared", "data", "magnetic-tile") },
    base: { type: "string", default: join(ROOT, "..", "shared", "data", "backbone", BACKBONE) },
    size: { type: "string", default: "224" },
    seeds: { type: "string", default: String(CHOICE_DEFAULTS.seeds) },
    batch: { type: "string", default: String(CHOICE_DEFAULTS.batch) },
    window: { type: "string", default: String(CHOICE_DEFAULTS.window) },
    most: { type: "string", default: String(CHOICE_DEFAULTS.mostLabels) },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  });
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const progress = progressLine(process.stderr, clock.tick);
  const whole = (name: "seeds" | "batch" | "window" | "most" | "size"): number =>
    numberOption(options[name], name, WHOLE);
  const seeds = whole("seeds");
  const cases = await embeddedCases(options.data, options.base, whole("size"), progress);
  const choice = {
    ...CHOICE_DEFAULTS,
    seeds,
    batch: whole("batch"),
    window: whole("window"),
    mostLabels: whole("most"),
  };
  const curve = choiceCurve(cases, choice, (done) => progress("seeds", done, seeds));
  const report = table(curve, cases, choice);
  if (options.write !== undefined) await writeSection(options.write, "active-learning", report);
  process.stdout.write(options.json ? `${JSON.stringify(curve, null, 2)}\n` : report);
  return 0;
}

async function embeddedCases(
  dataPath: string,
  basePath: string,
  sizePx: number,
  progress: Progress,
): Promise<ChoiceCase[]> {
  const size = { widthPx: sizePx, heightPx: sizePx };
  const set = await makeLearningSet([await readDataFolder(dataPath)], { goodLabels: ["good", "free", "ok", "pass"] });
  const listed = await listTrainingRegions(set, { mode: "full" });
  const signal = new AbortController().signal;
  const store = await fillPixelStore(set, listed, {
    ...{ size, signal },
    onProgress: (done, total) => progress("reading images", done, total),
  });
  const runtime = new OnnxProcess();
  runtime.start();
  try {
    const embeddings = await embedRegions(store, [...store.regions.keys()], {
      ...{ graph: await loadBase(basePath, size), runtime, cachePath: join(ROOT, "data", "embeddings") },
      onProgress: (done, total) => progress("embedding images", done, total),
    });
    return store.regions.map(({ label, group, classIndex }, index) => ({
      ...{ label, group, embedding: embeddings[index] ?? new Float32Array() },
      defective: listed.classes[classIndex]?.kind === "defect",
    }));
  } finally {
    await runtime.stop();
  }
}

const ROWS = 12;

function table(curve: ChoiceCurve, cases: readonly ChoiceCase[], options: { readonly mostLabels: number }): string {
  const { policy, random } = curve.curves;
  const every = Math.max(1, Math.ceil(policy.length / ROWS));
  const rows = policy.flatMap((point, at) => {
    const drawn = random[at];
    if (drawn === undefined || (at + 1) % every !== 0) return [];
    const text = ({ auroc, interval }: typeof point): string =>
      `${auroc.toFixed(3)} (${interval.low.toFixed(3)} to ${interval.high.toFixed(3)})`;
    return `| ${point.labels} | ${text(point)} | ${text(drawn)} | ${share(point.escape)} | ${share(drawn.escape)} |`;
  });
  const needed = (labels: number | null): string => (labels === null ? `more than ${options.mostLabels}` : `${labels}`);
  const { ratio, labelsNeeded } = curve;
  const compared =
    ratio === null
      ? "so no ratio can be given"
      : `${ratio.value.toFixed(2)} of random's (95 %: ${ratio.interval.low.toFixed(2)} to ${ratio.interval.high.toFixed(2)}); aim 0.40`;
  return `${cases.length} photographs of ${new Set(cases.map(({ group }) => group)).size} parts, ${curve.seeds} seeds. With all ${curve.fullLabels} labels AUROC ${curve.fullAuroc.toFixed(3)}. Labels until the mean curve is within 0.005 of it: policy ${needed(labelsNeeded.policy)}, random ${needed(labelsNeeded.random)}, ${compared}.

| labels | AUROC, policy | AUROC, random | escape at 5 % overkill, policy | random |
| ---: | ---: | ---: | ---: | ---: |
${rows.join("\n")}
`;
}

const share = (value: number): string => `${(100 * value).toFixed(0)} %`;

import type { BundleManifest } from "../contracts/model-bundle.ts";
import type { Interval } from "../statistics/intervals.ts";
import type { PartShare } from "./part-share.ts";
import type { Figure, QualityReport } from "./report.ts";
import type { TrainedModel } from "./train-model.ts";

export interface CardSource {
  readonly name: string;
  readonly images: number;
  readonly parts: number;
  readonly splitColumn: string | null;
  readonly refused: number;
}

export interface CardFacts {
  readonly manifest: Omit<BundleManifest, "files">;
  readonly trained: TrainedModel;
  readonly sources: readonly CardSource[];
  /** What the data's owner says of its licence and use. */
  readonly licence: string;
}

/** Where the figures come from and what the model has seen, in words. */
export function howJudged({
  validation: { kind, folds, parts, refit, ofBase },
}: Pick<TrainedModel, "validation">): string {
  if (kind === "folds")
    return `Every figure is out of fold: ${folds} models, each trained without one fold of the ${parts} parts,
judged that fold; the model itself was then trained on all parts in the same way.`;
  const judged = `Every figure is of ${parts} parts the ${refit ? "judged model" : "model"} did not learn from. They decided when training
stopped and where the limits lie, which makes the figures a little optimistic.`;
  if (!refit) return judged;
  if (ofBase)
    return `Every figure is of ${parts} parts and of the base bundle as it came, which had not learned from them (they had decided
when its training stopped). The model here goes on from it: trained on all parts, those ${parts} included. Limits,
temperature, biases and figures are the base's; the model here can be judged only on parts that came later.`;
  return `${judged} The model here is a second one:
trained once more in the same way for as many steps, now on all parts, those ${parts} included. Limits, temperature, biases
and figures are the first one's; the second one can be judged only on parts that came later.`;
}

const regionsText = (regions: BundleManifest["regions"]): string =>
  regions.mode === "full"
    ? "whole frame"
    : `every cell of a ${regions.rows}x${regions.cols} grid (margin ${regions.marginPx} px)`;

const networkText = ({ layers, steps, interrupted, quantization }: TrainedModel): string =>
  `${layers === "head" ? "frozen backbone, linear head trained on its embeddings" : `head and layers (${layers}) fine-tuned in ${steps} steps`}` +
  `${interrupted ? ", interrupted" : ""}${quantization.accepted ? "; int8" : "; float32"}`;

function lookalikesText({ lookalikes }: TrainedModel): string {
  if (lookalikes === null) return "";
  const named = lookalikes.joined.map((names) => names.join(" = ")).join("; ");
  return `
Part ids whose pictures show one part were joined${named === "" ? " (there were none)" : `: ${named}`}. ${lookalikes.contradicted.length} images labelled good,
of parts that are labelled defective under another id, are left out of learning and judging: nobody can tell which label is
right.
`;
}

const goodShift = ({ classes, classBiases }: TrainedModel): number =>
  classBiases[classes.findIndex(({ kind }) => kind === "good")] ?? 0;

const share = (value: number): string => (Number.isNaN(value) ? "n/a" : value.toFixed(3));
const between = ({ low, high }: Interval): string => `${share(low)} to ${share(high)}`;
const figure = (f: Figure): string =>
  `${share(f.pooled)} (${between(f.interval)}); folds ${share(f.foldMean)} ± ${share(f.foldStandardDeviation)}`;
const parts = (p: PartShare): string =>
  `${p.wrongParts} of ${p.parts} parts, ${share(p.share)} (${between(p.interval)}); ` +
  `${p.wrongFrames} of ${p.frames} frames`;

/** MODEL_CARD.md: what the model saw, how good it is with what certainty, and where it must not be trusted. */
export function modelCard(facts: CardFacts): string {
  const { manifest, trained } = facts;
  const { decision, classes, input } = manifest;
  return `# ${manifest.name} ${manifest.version}

Written by the training tool; do not edit. ${howJudged(trained)}

- Classes: ${classes.map(({ name, kind }) => `${name} (${kind})`).join(", ")}.
- Input: ${input.width}x${input.height} px, ${regionsText(manifest.regions)}, proportions not kept.
- Network: ${networkText(trained)}.
- Probabilities are meant for classes that are equally likely, not for their shares in the data: with the temperature, a
  shift of the good classes was fitted (${share(goodShift(trained))} in logarithms of odds), so that defects are named as readily as
  good parts. The order of the NG scores does not change by it; the limits were chosen after it.
- Decision on the NG score (1 - probability of the good classes): pass below ${share(decision.passBelow)}, reject from
  ${share(decision.rejectFrom)}, a person between. Temperature ${share(decision.temperature)}.

## Data

| folder | images | parts | split by | left out |
| --- | --- | --- | --- | --- |
${facts.sources.map((s) => `| ${s.name} | ${s.images} | ${s.parts} | ${s.splitColumn ?? "file"} | ${s.refused} |`).join("\n")}
${lookalikesText(trained)}
${facts.licence}

## Quality

Intervals are 95 %: of AUROC and balanced accuracy by resampling parts, of escape and overkill exact (Clopper-Pearson),
a part counting as wrong when any of its frames is.

${qualityTable("all", trained.report.device.all)}
${facts.sources.map(({ name }, index) => sourceTable(name, trained.report.device.bySource[index])).join("\n")}
Rows are the truth, columns the guess:

${confusionTable(
  classes.map(({ name }) => name),
  trained.report.device.all.confusion,
)}

## Quantisation

${quantizationSentence(trained)}

## Limits

- Nothing is promised: the bundle carries no certificate. The limits above come from the frames listed under Data.
- Other parts, cameras, lamps or defects than those under Data are unknown to it. A plant retrains it on its own
  photographs (\`sightline train\`) and checks it there before it decides anything.
- Golden frames are simulated parts; they prove that a device computes right, not that the model judges right.
`;
}

function quantizationSentence({ quantization, shippedQuantization: shipped, report }: TrainedModel): string {
  const { accepted, aurocLoss, classAgreement, float32Bytes, int8Bytes } = quantization;
  return `int8 ${accepted ? "is what devices run" : "was refused, devices run float32"}. AUROC in float32
${share(report.float32.all.auroc.pooled)}, lost by int8 ${aurocLoss.toFixed(4)}; the same class on ${share(classAgreement)} of the frames;
${megabytes(float32Bytes)} MB became ${megabytes(int8Bytes)} MB.${
    shipped === null
      ? ""
      : ` The model here is another than the judged ones; on frames it learned from its
int8 loses ${shipped.aurocLoss.toFixed(4)} of AUROC and gives the same class on ${share(shipped.classAgreement)}.`
  }`;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

const sourceTable = (name: string, report: QualityReport | undefined): string =>
  report === undefined ? "" : qualityTable(name, report);

const qualityTable = (
  name: string,
  report: QualityReport,
): string => `### ${name}: ${report.frames} frames of ${report.parts} parts

| | |
| --- | --- |
| AUROC, good or not | ${figure(report.auroc)} |
| balanced accuracy over classes | ${figure(report.balancedAccuracy)} |
| escape | ${parts(report.escape)} |
| overkill | ${parts(report.overkill)} |
| left to a person | ${share(report.reviewShare)} of the frames |
`;

const confusionTable = (names: readonly string[], table: readonly (readonly number[])[]): string =>
  [
    `| | ${names.join(" | ")} |`,
    `| --- | ${names.map(() => "---").join(" | ")} |`,
    ...table.map((row, index) => `| ${names[index] ?? ""} | ${row.join(" | ")} |`),
  ].join("\n");

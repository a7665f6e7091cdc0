import type { PredictionAnalysis } from "../analysis/analyse-predictions.ts";
import type { SliceHypothesis, SliceReport } from "../analysis/find-slices.ts";
import { gapSentence, points } from "../analysis/known-facts.ts";
import { intervalText, percentText } from "../report/text.ts";
import type { Share } from "../statistics/shares.ts";
import { textTable, wrapped } from "./text-table.ts";

const TAG_WIDTH = 40;
const SLICES_SHOWN = 10;
const SUSPECTS_SHOWN = 10;

/** What `diagnose` prints for people. */
export function analysisText(
  analysis: PredictionAnalysis,
  about: { readonly path: string; readonly reportPath: string | undefined; readonly samplePath: string | undefined },
): string {
  const { table, analysed } = analysis;
  const version = analysed.modelVersion === null ? "" : `, version ${analysed.modelVersion}`;
  const blocks = [
    `${about.path}: ${analysed.cases} cases of ${analysed.splits.join(" and ")}${version}\n` +
      `  ${table.errors} wrong, ${shareText(table.errorRate)}; accuracy ${percentText(table.accuracy)}\n` +
      kindsText(analysis),
    diagnosisText(analysis),
    tagText(analysis),
    sliceText("Slices of the metadata", analysis.slices),
    analysis.clusters === null ? "" : sliceText("Clusters of similar cases", analysis.clusters),
    curveText(analysis),
    labelText(analysis),
    nextText(analysis),
    filesText(analysis, about),
  ];
  return blocks.filter((block) => block !== "").join("\n");
}

const shareText = ({ share, interval }: Share): string => `${percentText(share)} (95 %: ${intervalText(interval)})`;

function kindsText({ table: { cost } }: PredictionAnalysis): string {
  if (cost.escapes + cost.overkills === 0) return "";
  const between = cost.wrongClasses === 0 ? "" : `, ${cost.wrongClasses} between defects`;
  const amount = cost.amount === null ? "" : `; cost ${Number(cost.amount.toPrecision(6))}`;
  return `  ${cost.escapes} escapes, ${cost.overkills} overkill${between}${amount}\n`;
}

function diagnosisText({ diagnosis, agreement }: PredictionAnalysis): string {
  const rows = diagnosis.rates.map(({ split, errorRate }) => [
    split,
    percentText(errorRate.share),
    intervalText(errorRate.interval),
    `${errorRate.hits} of ${errorRate.trials}`,
  ]);
  const { baseline } = diagnosis;
  if (baseline !== null)
    rows.unshift([
      "baseline",
      percentText(baseline.errorRate),
      baseline.interval === null ? "as given" : intervalText(baseline.interval),
      "",
    ]);
  const gaps = diagnosis.gaps
    .map((gap) => wrapped(`${gap.called ? "*" : "-"} ${gapSentence(gap)}${gap.called ? "" : " May be chance."}`, "  "))
    .join("");
  const kappa =
    agreement === null
      ? ""
      : `  Two people agree on ${percentText(agreement.agreed.share)} of ${agreement.pairs}` +
        (agreement.kappa === null || agreement.interval === null
          ? "\n"
          : `, kappa ${agreement.kappa.toFixed(2)} (95 %: ${agreement.interval.low.toFixed(2)} to ${agreement.interval.high.toFixed(2)})\n`);
  return `Error rates\n${textTable(["", "wrong", "95 %", ""], rows)}${kappa}${gaps}`;
}

function tagText({ table }: PredictionAnalysis): string {
  if (table.tags.length === 0) return "";
  const priced = table.cost.amount !== null;
  const kinds = table.cost.escapes + table.cost.overkills > 0;
  const trended = table.trend !== null;
  const head = [
    "tag",
    "errors",
    "of errors",
    "95 %",
    "of data",
    "wrong in it",
    "ceiling",
    ...(kinds ? ["escapes", "overkill"] : []),
    ...(priced ? ["cost"] : []),
    ...(trended ? ["last version"] : []),
  ];
  const rows = table.tags.map((row) => [
    shortened(row.tag),
    String(row.errors),
    percentText(row.shareOfErrors.share),
    intervalText(row.shareOfErrors.interval),
    percentText(row.shareOfData.share),
    row.errorRate === null ? "–" : percentText(row.errorRate.share),
    percentText(row.ceiling.accuracy),
    ...(kinds ? [String(row.cost.escapes), String(row.cost.overkills)] : []),
    ...(priced ? [String(Number((row.cost.amount ?? 0).toPrecision(6)))] : []),
    ...(trended
      ? [
          `${row.trend?.verdict ?? ""} ${points(row.trend?.change.difference ?? 0)} ` +
            `(${points(row.trend?.change.interval.low ?? 0)} to ${points(row.trend?.change.interval.high ?? 0)})`,
        ]
      : []),
  ]);
  const joint = table.jointCeiling.map(({ tag, errorsAdded, ceiling }) => [
    shortened(tag),
    String(errorsAdded),
    String(ceiling.errorsSolved),
    percentText(ceiling.accuracy),
  ]);
  return (
    `Errors by tag (tags may overlap; ${table.untaggedErrors.hits} errors carry none)\n${textTable(head, rows)}` +
    `  Ceiling: the accuracy if every error with the tag were gone. One after the other, overlaps counted once:\n` +
    textTable(["solved", "adds", "in all", "accuracy"], joint)
  );
}

const shortened = (name: string): string => (name.length > TAG_WIDTH ? `${name.slice(0, TAG_WIDTH - 1)}…` : name);

function sliceText(heading: string, { slices, tried, designEffect }: SliceReport): string {
  if (tried === 0) return "";
  const effect = designEffect > 1.05 ? `; ${designEffect.toFixed(1)} cases count as one, since parts repeat` : "";
  if (slices.length === 0) return `${heading}: none of ${tried} stands out${effect}\n`;
  const rows = slices
    .slice(0, SLICES_SHOWN)
    .map((slice) => [
      shortened(nameOf(slice)),
      slice.confirmed ? (slice.explainedBy === null ? "yes" : "through a pair") : "no",
      percentText(slice.inside.share),
      percentText(slice.outside.share),
      `${points(slice.effect.interval.low)} to ${points(slice.effect.interval.high)}`,
      String(slice.items),
      String(slice.errors),
    ]);
  return (
    `${heading}: ${tried} tried on one half, figures of the other half${effect}\n` +
    textTable(["slice", "confirmed", "wrong", "elsewhere", "points more, 95 %", "cases", "errors"], rows)
  );
}

const nameOf = ({ conditions }: SliceHypothesis): string =>
  conditions.map(({ key, value }) => `${key}=${value}`).join(" & ");

function curveText({ curve }: PredictionAnalysis): string {
  if (curve === null) return "";
  const rows = curve.points.map(({ parts, trainError, validationError }) => [
    String(parts),
    percentText(trainError),
    percentText(validationError),
  ]);
  return (
    `Learning curve (linear head on embeddings)\n${textTable(["parts", "learnt", "held out"], rows)}` +
    wrapped(curve.forecast.sentence, "  ")
  );
}

function labelText({ labels }: PredictionAnalysis): string {
  if (labels === null) return "";
  if (labels.suspects.length === 0) return "Suspected labels: none\n";
  const rows = labels.suspects
    .slice(0, SUSPECTS_SHOWN)
    .map(({ id, label, suggested, suspicion }) => [shortened(id), label, suggested, suspicion.toFixed(2)]);
  return (
    `Suspected labels: ${labels.suspects.length}, about ${Math.round(labels.estimatedWrong)} estimated wrong\n` +
    textTable(["id", "label", "rather", "suspicion"], rows)
  );
}

function nextText({ next }: PredictionAnalysis): string {
  const steps = next.steps
    .map(({ title, reason, expectedGain, interval, assumedShare, effortDays }, index) => {
      const presumed = assumedShare === null ? "a forecast" : `presuming ${percentText(assumedShare)} of the possible`;
      const gain =
        `Gain ${points(expectedGain)} points (${points(interval.low)} to ${points(interval.high)}; ${presumed}), ` +
        `about ${Number(effortDays.toPrecision(2))} ${effortDays === 1 ? "day" : "days"}.`;
      return `${wrapped(`${index + 1}. ${title}`, "  ")}${wrapped(reason, "     ")}${wrapped(gain, "     ")}`;
    })
    .join("");
  const beside = [...next.leave, ...next.notes].map((sentence) => wrapped(sentence, "  ")).join("");
  const heading = "What to try next, most gain per day first (gains overlap)";
  return `${heading}\n${steps === "" ? "  Nothing is advised on what these cases show.\n" : steps}${beside}`;
}

function filesText(
  { sample }: PredictionAnalysis,
  about: { readonly reportPath: string | undefined; readonly samplePath: string | undefined },
): string {
  const lines = [
    ...(about.samplePath === undefined ? [] : [`  ${sample.length} errors to read and tag: ${about.samplePath}`]),
    ...(about.reportPath === undefined ? [] : [`  report: ${about.reportPath}`]),
  ];
  return lines.map((text) => `${text}\n`).join("");
}

import { figure, line, type PlotPoint } from "../report/figure.ts";
import { intervalPlot } from "../report/interval-plot.ts";
import { REPORT_STYLE } from "../report/style.ts";
import { htmlTable } from "../report/table.ts";
import { escapeHtml, intervalText, percentText } from "../report/text.ts";
import { powerLawAt } from "../statistics/power-law.ts";
import type { Share } from "../statistics/shares.ts";
import type { PredictionAnalysis } from "./analyse-predictions.ts";
import type { EmbeddingSliceReport } from "./embedding-slices.ts";
import type { SliceHypothesis } from "./find-slices.ts";
import { gapSentence, points } from "./known-facts.ts";
import type { LearningCurve } from "./learning-curve.ts";

export interface AnalysisReportFacts {
  readonly title: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly analysis: PredictionAnalysis;
  readonly warnings: readonly string[];
}

const TAGS_DRAWN = 15;

/** One HTML page without any outside resource: what to do first, then why. */
export function analysisReport({ title, createdAt, analysis, warnings }: AnalysisReportFacts): string {
  const { table, analysed } = analysis;
  const version = analysed.modelVersion === null ? "" : ` · version ${escapeHtml(analysed.modelVersion)}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${REPORT_STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p class="soft">${escapeHtml(createdAt)} · ${analysed.cases} cases of ${analysed.splits.join(" and ")}${version}</p>
<div class="cards"><div class="card"><h3>Wrong</h3><b>${percentText(table.errorRate.share)}</b>${table.errors} of ${table.cases} cases<br><span class="soft">95 % certain: ${intervalText(table.errorRate.interval)}</span></div>
<div class="card"><h3>Escapes and overkill</h3><b>${table.cost.escapes} and ${table.cost.overkills}</b>${costNote(analysis)}</div>
<div class="card"><h3>All tags solved</h3><b>${percentText(table.jointCeiling.at(-1)?.ceiling.accuracy ?? table.accuracy)}</b>accuracy at most, ${percentText(table.accuracy)} now</div></div>
${warnings.map((warning) => `<div class="banner">${escapeHtml(warning)}</div>`).join("")}
${nextSection(analysis)}
${diagnosisSection(analysis)}
${tagSection(analysis)}
${sliceSection(analysis)}
${analysis.curve === null ? "" : section("Learning curve", escapeHtml(analysis.curve.forecast.sentence), plots(curvePlot(analysis.curve)))}
${labelSection(analysis)}
${sampleSection(analysis)}
</body></html>
`;
}

const section = (heading: string, lead: string, content: string): string =>
  `<h2>${heading}</h2>${lead === "" ? "" : `<p class="soft">${lead}</p>`}${content}`;

const costNote = ({ table: { cost } }: PredictionAnalysis): string =>
  cost.amount === null
    ? `${cost.wrongClasses} errors between classes of one kind`
    : `cost ${Number(cost.amount.toPrecision(6))} in these cases`;

const sentences = (list: readonly string[]): string =>
  list.length === 0 ? "" : `<ul>${list.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join("")}</ul>`;

function nextSection({ next }: PredictionAnalysis): string {
  const rows = next.steps.map((step, index) => [
    String(index + 1),
    `<b>${escapeHtml(step.title)}</b><br><span class="soft">${escapeHtml(step.reason)}</span>`,
    `${points(step.expectedGain)} (${points(step.interval.low)} to ${points(step.interval.high)})`,
    step.assumedShare === null ? "forecast from the data" : `${percentText(step.assumedShare)} of what is possible`,
    String(Number(step.effortDays.toPrecision(2))),
  ]);
  const steps =
    rows.length === 0
      ? "<p>Nothing is advised on what these cases show.</p>"
      : htmlTable(["", "step", "points of error (95 %)", "gain presumed", "days"], rows);
  return section(
    "What to try next",
    "By expected gain per day of work. Gains overlap and do not add up; what is presumed only orders the list.",
    steps + sentences([...next.leave, ...next.notes]),
  );
}

function diagnosisSection({ diagnosis }: PredictionAnalysis): string {
  if (diagnosis.rates.length === 0) return "";
  const plot = intervalPlot(
    { title: "Error rates", x: "share wrong", note: "Dashed: the baseline. Lines: 95 % intervals." },
    diagnosis.rates.map(({ split, errorRate }) => ({
      name: split,
      share: errorRate.share,
      interval: errorRate.interval,
    })),
    diagnosis.baseline === null ? null : { share: diagnosis.baseline.errorRate, name: "baseline" },
  );
  const gaps = diagnosis.gaps.map((gap) => `${gapSentence(gap)} ${gap.called ? "More than chance." : "Not called."}`);
  return section("Bias, variance, mismatch", "", `${plots(plot)}${sentences(gaps)}`);
}

/** With spaces that do not break, so that a number stays beside its sign. */
const shareText = ({ share, interval }: Share): string => unbroken(`${percentText(share)} (${intervalText(interval)})`);
const unbroken = (text: string): string => text.replaceAll(" %", "\u00a0%");
const plots = (content: string): string => `<div class="plots single">${content}</div>`;

function tagSection({ table }: PredictionAnalysis): string {
  if (table.tags.length === 0) return "";
  const rows = table.tags.map((row) => [
    escapeHtml(row.tag),
    String(row.errors),
    shareText(row.shareOfErrors),
    percentText(row.shareOfData.share),
    row.errorRate === null ? "only errors carry it" : shareText(row.errorRate),
    percentText(row.ceiling.accuracy),
    `${row.cost.escapes} / ${row.cost.overkills}${row.cost.amount === null ? "" : `, ${Number(row.cost.amount.toPrecision(6))}`}`,
    row.trend === null
      ? "–"
      : `${row.trend.verdict} (${points(row.trend.change.interval.low)} to ${points(row.trend.change.interval.high)} points)`,
  ]);
  const joint = table.jointCeiling.map(({ tag, errorsAdded, ceiling }) => [
    escapeHtml(tag),
    String(errorsAdded),
    String(ceiling.errorsSolved),
    percentText(ceiling.accuracy),
  ]);
  const plot = intervalPlot(
    { title: "Share of errors", x: "share of all errors", note: "Tags may overlap: shares do not add up." },
    table.tags
      .slice(0, TAGS_DRAWN)
      .map(({ tag, shareOfErrors }) => ({ name: tag, share: shareOfErrors.share, interval: shareOfErrors.interval })),
  );
  return section(
    "Errors by tag",
    `${table.untaggedErrors.hits} of ${table.errors} errors carry no tag. The ceiling is the accuracy if every error with the tag were gone.`,
    plots(plot) +
      htmlTable(
        [
          "tag",
          "errors",
          "of all errors (95 %)",
          "of all data",
          "wrong within it",
          "ceiling",
          "escapes / overkill",
          "since last version",
        ],
        rows,
      ) +
      `<h3>Joint ceiling, one tag after the other</h3>` +
      htmlTable(["tag", "errors it adds", "errors solved so far", "accuracy"], joint),
  );
}

const sliceName = ({ conditions }: SliceHypothesis): string =>
  conditions.map(({ key, value }) => `${key} = ${value}`).join(", ");

function sliceSection({ slices, clusters }: PredictionAnalysis): string {
  const row = (slice: SliceHypothesis): string[] => [
    escapeHtml(sliceName(slice)),
    slice.confirmed ? (slice.explainedBy === null ? "confirmed" : "confirmed, through a pair") : "not confirmed",
    shareText(slice.inside),
    shareText(slice.outside),
    `${points(slice.effect.difference)} (${points(slice.effect.interval.low)} to ${points(slice.effect.interval.high)})`,
    `${slice.items} / ${slice.errors}`,
  ];
  const head = ["slice", "on fresh cases", "wrong in it", "wrong elsewhere", "points more (95 %)", "cases / errors"];
  const found =
    slices.slices.length === 0
      ? `<p>None of ${slices.tried} slices of the metadata stands out.</p>`
      : `<p class="soft">${slices.tried} slices were tried on half of the cases; the figures are of the other half.</p>` +
        htmlTable(head, slices.slices.map(row));
  return section("Slices", "", found + (clusters === null ? "" : clusterTables(clusters, head, row)));
}

function clusterTables(
  { slices, tried }: EmbeddingSliceReport,
  head: readonly string[],
  row: (slice: SliceHypothesis) => string[],
): string {
  if (slices.length === 0) return `<p>None of ${tried} clusters of similar cases stands out.</p>`;
  const sheets = slices.map(
    (slice) =>
      `<h3>${escapeHtml(sliceName(slice))}</h3><p class="soft">Nearest to its centre; wrong ones in bold.</p><p>` +
      slice.sheet.map(({ id, wrong }) => (wrong ? `<b>${escapeHtml(id)}</b>` : escapeHtml(id))).join(" · ") +
      `</p>`,
  );
  return `<h3>Clusters of similar cases</h3>${htmlTable(head, slices.map(row))}${sheets.join("")}`;
}

const FIT_POINTS = 24;

/** Error over parts on a logarithmic axis, to four times as many; training dashed, the fitted law thin. */
function curvePlot({ points: measured, forecast }: LearningCurve): string {
  const first = measured[0]?.parts ?? 1;
  const end = forecast.steps.at(-1)?.parts ?? 2 * first;
  const most = Math.max(0.01, ...measured.flatMap(({ trainError, validationError }) => [trainError, validationError]));
  const partsAt = (across: number): number => first * (end / first) ** across;
  const place = (parts: number, error: number): PlotPoint => [
    Math.log(parts / first) / Math.log(end / first),
    Math.min(1, error / most),
  ];
  const validation = measured.map(({ parts, validationError }) => place(parts, validationError));
  const training = measured.map(({ parts, trainError }) => place(parts, trainError));
  const fit = Array.from({ length: FIT_POINTS }, (_, index) => partsAt(index / (FIT_POINTS - 1))).map((parts) =>
    place(parts, powerLawAt(forecast.law, parts)),
  );
  return figure(
    {
      title: "Error and labelled parts",
      x: "labelled parts to learn from (logarithmic)",
      y: "share wrong",
      note: "Bold: parts not learnt from, and thin: the power law through them; dashed: parts learnt from. Linear head on embeddings, mean of the repetitions.",
    },
    line(training, "reference") + line(fit, "thin") + line(validation, "curve"),
    {
      xTick: (at) => String(Math.round(partsAt(at))),
      yTick: (at) => `${Number((at * most * 100).toPrecision(2))} %`,
    },
  );
}

const SUSPECTS_SHOWN = 50;

function labelSection({ labels }: PredictionAnalysis): string {
  if (labels === null || labels.suspects.length === 0) return "";
  return section(
    `Suspected labels: ${labels.suspects.length}`,
    "Most suspicious first. About half of such flags are really wrong: look before changing any.",
    htmlTable(
      ["id", "label", "suggested", "suspicion"],
      labels.suspects
        .slice(0, SUSPECTS_SHOWN)
        .map(({ id, label, suggested, suspicion }) => [
          escapeHtml(id),
          escapeHtml(label),
          escapeHtml(suggested),
          suspicion.toFixed(2),
        ]),
    ),
  );
}

const sampleSection = ({ sample }: PredictionAnalysis): string =>
  sample.length === 0
    ? ""
    : section(
        `Errors to read: ${sample.length}`,
        "",
        `<details><summary>Drawn at random: read them, and tag what they have in common.</summary>` +
          htmlTable(
            ["id", "label", "predicted"],
            sample.map(({ id, label, predicted }) => [escapeHtml(id), escapeHtml(label), escapeHtml(predicted)]),
          ) +
          `</details>`,
      );

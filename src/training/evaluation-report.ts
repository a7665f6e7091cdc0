import { certificateFault } from "../contracts/certificate-fault.ts";
import type { EvaluatedModel, Evaluation, MisjudgedFrame } from "./evaluation.ts";
import { curvePlot } from "../report/figure.ts";
import { REPORT_STYLE } from "../report/style.ts";
import { htmlTable } from "../report/table.ts";
import { escapeHtml, intervalText, percentText } from "../report/text.ts";
import { histogramPlot, reliabilityPlot, riskPlot } from "./report-plots.ts";
import { agreementAndSpeed, classTable, confusionHeat, foldTable, sliceTables } from "./report-tables.ts";
import { figureText } from "./report-text.ts";
import type { PartShare } from "./part-share.ts";

export interface ReportFacts {
  readonly model: EvaluatedModel;
  readonly evaluation: Evaluation;
  /** What the data are called, for the title. */
  readonly dataNames: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
  /** Files left out, with the reason. */
  readonly leftOut: readonly { readonly file: string; readonly reason: string }[];
  /** JPEG data URLs of misjudged frames by SHA-256 of the file. */
  readonly thumbnails: ReadonlyMap<string, string>;
}

/** One HTML page without any outside resource: the answer first, then the detail. */
export function evaluationReport(facts: ReportFacts): string {
  const { model, evaluation, dataNames } = facts;
  const { manifest } = model;
  const title = `${manifest.name} ${manifest.version} on ${dataNames.join(", ")}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${REPORT_STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p class="soft">${escapeHtml(facts.createdAt)} · ${evaluation.frames} frames of ${evaluation.parts.good} good and ${evaluation.parts.defective} defective parts ·
 model <code>${model.modelSha256.slice(0, 12)}</code>, ${(model.modelBytes / 1e6).toFixed(2)} MB, ${manifest.input.width}×${manifest.input.height} px${regionsText(model)}</p>
${answer(facts)}
${ranking(evaluation)}
${byClass(evaluation)}
${honesty(evaluation)}
${evaluation.folds === null ? "" : section("Folds", "Every frame is judged by a model that saw none of its part.", foldTable(evaluation.folds))}
${evaluation.slices.length === 0 ? "" : section("Slices", "Where it is weaker. Intervals of small slices are wide.", sliceTables(evaluation.slices))}
${section("Device model", "", agreementAndSpeed(evaluation))}
${gallery("Worst escapes", "Defective frames that pass, least suspicious first.", evaluation.worstEscapes, facts)}
${gallery("Worst overkills", "Good frames that are rejected, most suspicious first.", evaluation.worstOverkills, facts)}
${leftOut(facts)}
</body></html>
`;
}

const section = (heading: string, lead: string, content: string): string =>
  content === "" ? "" : `<h2>${heading}</h2>${lead === "" ? "" : `<p class="soft">${lead}</p>`}${content}`;

const regionsText = ({ manifest: { regions } }: EvaluatedModel): string =>
  regions.mode === "full" ? "" : `, grid of ${regions.rows}×${regions.cols}`;

function answer({ model, evaluation }: ReportFacts): string {
  const { quality, limits } = evaluation;
  const card = (name: string, { parts, wrongParts, share, interval }: PartShare, what: string): string =>
    `<div class="card"><h3>${name}</h3><b>${parts === 0 ? "n/a" : percentText(share)}</b>` +
    (parts === 0
      ? `no such parts in the data`
      : `${wrongParts} of ${parts} ${what}<br><span class="soft">95 % certain: ${intervalText(interval)}</span>`) +
    `</div>`;
  return (
    `<div class="cards">${card("Escape", quality.escape, "defective parts pass")}` +
    `${card("Overkill", quality.overkill, "good parts are rejected")}` +
    `${card("Left to a person", quality.review, "parts have a doubtful frame")}` +
    `<div class="card"><h3>Tells good from defective</h3><b>${quality.auroc === null ? "n/a" : quality.auroc.value.toFixed(4)}</b>` +
    `AUROC${quality.auroc === null ? ": one kind is missing" : `<br><span class="soft">95 %: ${quality.auroc.interval.low.toFixed(4)} to ${quality.auroc.interval.high.toFixed(4)}</span>`}</div></div>` +
    trainedBanner(evaluation) +
    promiseBanner(model) +
    `<p class="soft">A frame passes below an NG score of ${limits.passBelow.toPrecision(4)}, is rejected from ${limits.rejectFrom.toPrecision(4)} on, ` +
    `and is left to a person between. Parts count, not frames: one wrong frame makes a part wrong. Intervals of shares are exact (Clopper-Pearson).</p>`
  );
}

const trainedBanner = ({ trainedFrames, frames }: Evaluation): string =>
  trainedFrames === 0
    ? ""
    : `<div class="banner void">The model was trained on ${trainedFrames} of these ${frames} frames: the figures flatter it. Judge it on parts it never saw.</div>`;

function promiseBanner({ manifest, modelSha256 }: EvaluatedModel): string {
  const { certificate } = manifest;
  if (certificate === null)
    return `<div class="banner">No certificate: nothing is promised about other parts. <code>sightline calibrate</code> makes one from held-out parts.</div>`;
  const fault = certificateFault(manifest, modelSha256);
  if (fault !== null) return `<div class="banner void">${escapeHtml(fault)}</div>`;
  const { overkill } = certificate;
  const alsoOverkill =
    overkill === null
      ? ""
      : ` And at most ${percentText(overkill.maxOverkill)} of good parts are rejected (${overkill.parts} parts, ${overkill.rejected} of them rejected).`;
  return (
    `<div class="banner held"><b>Certified:</b> at most ${percentText(certificate.maxEscape)} of defective parts pass, with ` +
    `${percentText(certificate.confidence)} confidence (${certificate.parts} held-out defective parts, ${certificate.escapes} of them passed; ` +
    `${escapeHtml(certificate.issuedAt.slice(0, 10))}).${alsoOverkill} It holds for parts like those it was made from.</div>`
  );
}

function ranking({ quality, regions, curves, histogram, limits }: Evaluation): string {
  const rows = [
    ["AUROC, frames", figureText(quality.auroc)],
    ["average precision, frames", figureText(quality.averagePrecision)],
    ["balanced accuracy over classes", figureText(quality.balancedAccuracy)],
    ...(regions === null
      ? []
      : [
          [`AUROC, ${regions.decided} regions`, figureText(regions.auroc)],
          ["average precision, regions", figureText(regions.averagePrecision)],
        ]),
  ];
  const plots = [
    histogramPlot(
      {
        title: "NG scores",
        x: "NG score",
        y: "defective ↓ · frames · good ↑",
        note: "Good frames upward (green), defective ones downward (red), square-root scale. Good to the right of “reject from” are overkill, defective to the left of “pass below” escapes.",
      },
      histogram,
      limits,
    ),
    ...(curves.roc.length === 0
      ? []
      : [
          curvePlot(
            {
              title: "ROC",
              x: "share of good frames called defective",
              y: "share of defects found",
              note: "The closer to the upper left, the better; dashed: chance.",
            },
            curves.roc,
            [
              [0, 0],
              [1, 1],
            ],
          ),
          curvePlot(
            {
              title: "Precision and recall",
              x: "share of defects found (recall)",
              y: "share of alarms that are right",
              note: "The closer to the upper right, the better; depends on how many defects the data have.",
            },
            curves.precisionRecall,
          ),
        ]),
  ];
  return section(
    "Good or defective",
    "",
    htmlTable(["figure", "value"], rows) + `<div class="plots">${plots.join("")}</div>`,
  );
}

const byClass = (evaluation: Evaluation): string =>
  section(
    "Classes",
    "",
    classTable(evaluation) +
      `<p class="soft">Frames by label (rows) and likeliest class (columns); shaded by the share of the row, outlined where right.</p>` +
      confusionHeat(evaluation),
  );

function honesty({ calibration, riskCoverage }: Evaluation): string {
  const risk = riskPlot(
    {
      title: "Risk and coverage",
      x: "share of frames decided, the surest first",
      y: "share of them wrong",
      note: `AURC ${riskCoverage.aurc.toFixed(5)}, AUGRC ${riskCoverage.augrc.toFixed(5)}: how much leaving the doubtful to a person would help.`,
    },
    riskCoverage.points.map(({ coverage, risk: share }) => [coverage, share] as const),
  );
  if (calibration === null) return section("Can its probabilities be believed", "", `<div class="plots">${risk}</div>`);
  const note = `${calibration.regions} regions, 15 bins; larger dots hold more.`;
  return section(
    "Can its probabilities be believed",
    `Expected calibration error of the likeliest class ${calibration.topLabelError.toFixed(4)}, classwise ${calibration.classwiseError.toFixed(4)}, of the NG score ${calibration.ngScoreError.toFixed(4)}.`,
    `<div class="plots">${reliabilityPlot({ title: "Reliability of the likeliest class", x: "stated probability", y: "share right", note }, calibration.topLabelBins)}${reliabilityPlot({ title: "Reliability of the NG score", x: "stated NG score", y: "share defective", note }, calibration.ngScoreBins)}${risk}</div>`,
  );
}

function gallery(heading: string, lead: string, worst: readonly MisjudgedFrame[], { thumbnails }: ReportFacts): string {
  if (worst.length === 0) return section(heading, "None.", " ");
  const pictures = worst.map(({ file, sha256, label, part, ngScore }) => {
    const url = thumbnails.get(sha256);
    const image = url === undefined ? "" : `<img src="${url}" alt="${escapeHtml(file)}">`;
    return `<figure>${image}<b>${ngScore.toFixed(4)}</b> ${escapeHtml(label)}<p>${escapeHtml(file)}<br>part ${escapeHtml(part)}</p></figure>`;
  });
  return section(heading, lead, `<div class="thumbs">${pictures.join("")}</div>`);
}

const leftOut = ({ leftOut: files }: ReportFacts): string =>
  files.length === 0
    ? ""
    : section(
        `Left out: ${files.length} ${files.length === 1 ? "file" : "files"}`,
        "",
        htmlTable(
          ["file", "reason"],
          files.map(({ file, reason }) => [escapeHtml(file), escapeHtml(reason)]),
        ),
      );

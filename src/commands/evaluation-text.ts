import { certificateFault } from "../contracts/certificate-fault.ts";
import type { EvaluatedBundle } from "../training/evaluate-bundle.ts";
import type { EvaluatedModel, SliceQuality } from "../training/evaluation.ts";
import { percentText } from "../report/text.ts";
import { figureText, partShareText } from "../training/report-text.ts";

/** What `evaluate` prints for people. */
export function evaluationText(
  { model, evaluation }: EvaluatedBundle,
  about: { readonly path: string; readonly reportPath: string | undefined },
): string {
  const { quality, regions, calibration, riskCoverage, agreement } = evaluation;
  const rows: [string, string][] = [
    ["escape", partShareText(quality.escape)],
    ["overkill", partShareText(quality.overkill)],
    ["left to a person", partShareText(quality.review)],
    ["certificate", certificateText(model)],
    ["AUROC", figureText(quality.auroc)],
    ["average precision", figureText(quality.averagePrecision)],
    ["balanced accuracy", figureText(quality.balancedAccuracy)],
  ];
  if (regions !== null) rows.push([`AUROC, ${regions.decided} regions`, figureText(regions.auroc)]);
  if (calibration !== null) {
    rows.push([
      "calibration error",
      `${calibration.topLabelError.toFixed(4)} (classwise ${calibration.classwiseError.toFixed(4)}, ` +
        `NG score ${calibration.ngScoreError.toFixed(4)})`,
    ]);
  }
  rows.push(["risk and coverage", `AURC ${riskCoverage.aurc.toFixed(5)}, AUGRC ${riskCoverage.augrc.toFixed(5)}`]);
  if (agreement !== null) {
    rows.push([
      "against float32",
      `same verdict ${percentText(agreement.verdicts)}, same class ${percentText(agreement.classes)}, ` +
        `AUROC ${agreement.float32Auroc?.toFixed(4) ?? "n/a"}`,
    ]);
  }
  for (const { threads, p50Ms, p99Ms } of evaluation.speed) {
    rows.push([
      `speed, ${threads} ${threads === 1 ? "thread" : "threads"}`,
      `${p50Ms.toFixed(2)} ms (p99 ${p99Ms.toFixed(2)})`,
    ]);
  }
  const classRows = evaluation.classes.map(({ name, misnamed, misjudged, kind }): [string, string] => [
    `  ${name}`,
    `named right ${percentText(1 - misnamed.share)} of ${misnamed.parts} parts; ${kind === "good" ? "rejected" : "passed"} ${misjudged.wrongParts}`,
  ]);
  return `${about.path}: ${evaluation.frames} frames of ${evaluation.parts.good} good and ${evaluation.parts.defective} defective parts
${columns(rows)}
  classes
${columns(classRows)}
${sliceText(evaluation.slices)}${about.reportPath === undefined ? "" : `  report            ${about.reportPath}\n`}`;
}

function columns(rows: readonly [string, string][]): string {
  const width = Math.max(18, ...rows.map(([name]) => name.length + 2));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}${value}`).join("\n");
}

function certificateText({ manifest, modelSha256 }: EvaluatedModel): string {
  const { certificate } = manifest;
  if (certificate === null) return "none: nothing is promised about other parts (see sightline calibrate)";
  return (
    certificateFault(manifest, modelSha256) ??
    `escape at most ${percentText(certificate.maxEscape)} with ${percentText(certificate.confidence)} confidence`
  );
}

const sliceText = (slices: readonly SliceQuality[]): string =>
  [...Map.groupBy(slices, ({ column }) => column)]
    .map(([column, ofColumn]) => {
      const rows = ofColumn.map(({ value, quality }): [string, string] => [
        `  ${value === "" ? "(empty)" : value}`,
        `escape ${quality.escape.wrongParts} of ${quality.escape.parts}, overkill ${quality.overkill.wrongParts} of ` +
          `${quality.overkill.parts}, AUROC ${quality.auroc?.value.toFixed(4) ?? "n/a"}`,
      ]);
      return `  by ${column}\n${columns(rows)}\n`;
    })
    .join("");

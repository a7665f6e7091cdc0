import { join } from "node:path";
import type { Figure } from "../training/report.ts";
import type { WrittenBundle } from "../training/train-bundle.ts";
import { REPORT_FILE } from "../training/write-bundle.ts";

/** One JSON document for machines. */
export function trainingSummary({ manifest, trained }: WrittenBundle, outPath: string): object {
  const { name, version, decision, files } = manifest;
  const { report, quantization, headEpochs, steps, interrupted, history, validation, unreadable } = trained;
  return {
    out: outPath,
    name,
    version,
    decision,
    headEpochs,
    steps,
    interrupted,
    history,
    validation,
    modelBytes: files["model.onnx"]?.bytes,
    quantization,
    report,
    unreadable,
  };
}

/** A few lines for people. */
export function readableTraining({ manifest, trained }: WrittenBundle, outPath: string): string {
  const { auroc, balancedAccuracy } = trained.report.device.all;
  const bytes = manifest.files["model.onnx"]?.bytes ?? 0;
  return `${outPath}
  AUROC good or not   ${figureText(auroc)}
  balanced accuracy   ${figureText(balancedAccuracy)}
${regionLines(trained)}  model.onnx          ${(bytes / 1e6).toFixed(2)} MB, ${trained.quantization.accepted ? "int8" : "float32"}
  more in ${join(outPath, REPORT_FILE)} and ${join(outPath, "MODEL_CARD.md")}
`;
}

const regionLines = ({ report: { device } }: WrittenBundle["trained"]): string =>
  device.regions === null ? "" : `  AUROC of one cell    ${figureText(device.regions.auroc)}\n`;

function figureText({ pooled, interval, foldMean, foldStandardDeviation }: Figure): string {
  const [value, low, high, centre, spread] = [pooled, interval.low, interval.high, foldMean, foldStandardDeviation].map(
    (number) => number.toFixed(3),
  );
  return `${value} (95 % ${low} to ${high}, folds ${centre} ± ${spread})`;
}

import type { Evaluation, SliceQuality } from "./evaluation.ts";
import type { FoldFigure, FoldFigures } from "./fold-figures.ts";
import { htmlTable } from "../report/table.ts";
import { escapeHtml, intervalText, percentText } from "../report/text.ts";
import { figureText, partShareText } from "./report-text.ts";

export const classTable = ({ classes }: Evaluation): string =>
  htmlTable(
    ["class", "kind", "parts", "named right (95 %)", "judged the wrong way"],
    classes.map(({ name, kind, misnamed, misjudged }) => [
      escapeHtml(name),
      kind,
      String(misnamed.parts),
      `${percentText(1 - misnamed.share)} (${intervalText({ low: 1 - misnamed.interval.high, high: 1 - misnamed.interval.low })})`,
      `${kind === "good" ? "rejected" : "passed"}: ${partShareText(misjudged)}`,
    ]),
  );

/** Shaded by the share of its row. */
export function confusionHeat({ confusion }: Evaluation): string {
  const header = confusion.guesses.map((name) => `<th>${escapeHtml(name)}</th>`).join("");
  const rows = confusion.rows.map(({ label, counts }) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const cells = counts.map((count, guess) => {
      const share = total === 0 ? 0 : count / total;
      const right = confusion.guesses[guess] === label ? ' class="right"' : "";
      // Text stays readable on the darkest shade.
      return `<td${right} style="background: rgba(var(--heat), ${(share * 0.45).toFixed(3)})">${count === 0 ? "·" : count}</td>`;
    });
    return `<tr><th>${escapeHtml(label)}</th>${cells.join("")}</tr>`;
  });
  return (
    `<div class="scroll"><table class="confusion"><thead><tr><th>truth \\ guess</th>${header}</tr></thead>` +
    `<tbody>${rows.join("")}</tbody></table></div>`
  );
}

export function sliceTables(slices: readonly SliceQuality[]): string {
  return [...Map.groupBy(slices, ({ column }) => column)]
    .map(
      ([column, ofColumn]) =>
        `<h3>By ${escapeHtml(column)}</h3>` +
        htmlTable(
          [escapeHtml(column), "frames", "parts", "escape", "overkill", "AUROC"],
          ofColumn.map(({ value, quality }) => [
            value === "" ? "<i>empty</i>" : escapeHtml(value),
            String(quality.frames),
            String(quality.parts),
            partShareText(quality.escape),
            partShareText(quality.overkill),
            figureText(quality.auroc),
          ]),
        ),
    )
    .join("");
}

export function foldTable(folds: FoldFigures): string {
  const row = (name: string, { perFold, mean, standardDeviation }: FoldFigure): string[] => [
    name,
    ...perFold.map((value) => (value === null ? "n/a" : value.toFixed(4))),
    `${mean.toFixed(4)} ± ${standardDeviation.toFixed(4)}`,
  ];
  return htmlTable(
    ["figure", ...folds.frames.map((frames, fold) => `fold ${fold + 1} (${frames} frames)`), "mean ± sd"],
    [
      row("AUROC", folds.auroc),
      row("average precision", folds.averagePrecision),
      row("balanced accuracy", folds.balancedAccuracy),
      row("escape, share of defective parts", folds.escape),
      row("overkill, share of good parts", folds.overkill),
    ],
  );
}

export function agreementAndSpeed({ agreement, speed }: Evaluation): string {
  const timing =
    speed.length === 0
      ? ""
      : htmlTable(
          ["threads", "ms per frame, median", "99th percentile", "runs"],
          speed.map(({ threads, p50Ms, p99Ms, runs }) => [
            String(threads),
            p50Ms.toFixed(2),
            p99Ms.toFixed(2),
            String(runs),
          ]),
        ) +
        `<p class="soft">Inference of all regions of a frame on the machine that wrote this, hand-over included.</p>`;
  if (agreement === null) return timing;
  const { verdicts, classes, largestScoreChange, meanScoreChange, float32Auroc } = agreement;
  return (
    `<p>Against the float32 checkpoint on the same ${agreement.frames} frames: the same verdict on ${percentText(verdicts)}, ` +
    `the same class on ${percentText(classes)}; NG score moved by ${meanScoreChange.toFixed(4)} on average, by ` +
    `${largestScoreChange.toFixed(4)} at most; AUROC of the checkpoint ${float32Auroc?.toFixed(4) ?? "n/a"}.</p>${timing}`
  );
}

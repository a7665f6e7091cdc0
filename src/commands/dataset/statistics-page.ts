import type { RefusedFile } from "../../datasets/data-folder.ts";
import { shownName } from "../../datasets/file-name.ts";
import type { DatasetStatistics } from "../../datasets/statistics.ts";
import type { SurveyedImage } from "../../datasets/survey.ts";
import { REPORT_STYLE } from "../../report/style.ts";
import { htmlTable } from "../../report/table.ts";
import { escapeHtml } from "../../report/text.ts";
import { barChart, histogramChart, sizeChart } from "./statistics-plots.ts";

export interface PageFacts {
  readonly title: string;
  readonly partColumn: string | null;
  readonly refused: readonly RefusedFile[];
  /** ISO 8601. */
  readonly madeAt: string;
}

const MOST_ROWS = 200;

/** What a data set holds, as a page that needs nothing beside it. */
export function statisticsPage(
  found: DatasetStatistics,
  images: readonly SurveyedImage[],
  { title, partColumn, refused, madeAt }: PageFacts,
): string {
  const byClass = Map.groupBy(images, ({ image }) => image.label);
  const histograms = found.classes.flatMap(({ label }) => {
    const ofClass = byClass.get(label) ?? [];
    const values = ofClass.map(({ brightness }) => brightness);
    return histogramChart(`Brightness of ${label}`, values, { least: 0, most: 255, x: "mean luminance" });
  });
  const faults = [
    banner(found.leaks.length, "on two sides of the split", "figures from this split are too good"),
    banner(found.sameFiles.length, "pairs of the same file under two parts", "give them one part id"),
    banner(found.nearDuplicates.length, "pairs of near-duplicates under two parts", "look whether they show one part"),
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${REPORT_STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p class="soft">${escapeHtml(madeAt)} · version <code>${found.version}</code> · parts by ${escapeHtml(partColumn ?? "file")}</p>
<div class="cards">${[
    ["frames", found.frames],
    ["parts", found.parts],
    ["classes", found.classes.length],
    ["left out", refused.length],
  ]
    .map(([name, value]) => `<div class="card"><h3>${name}</h3><b>${value}</b></div>`)
    .join("")}</div>
${faults.join("")}
<h2>Classes</h2>
${classTable(found)}
<div class="plots">${barChart("Parts and frames by class", found.classes)}${sizeChart("Sizes", found.sizes)}${histograms.join("")}</div>
${sidesTable(found)}
${pairs("On two sides of the split", found.leaks, ({ kind, what, sides }) => [kind, what, sides.join(", ")])}
${pairs("The same file under two parts", found.sameFiles, ({ first, second, parts }) => [first, second, parts.join(", ")])}
${pairs("Near-duplicates under two parts", found.nearDuplicates, ({ first, second, parts }) => [first, second, parts.join(", ")])}
${pairs("Left out", refused, ({ file, reason }) => [shownName(file), reason])}
</body></html>
`;
}

const banner = (count: number, what: string, advice: string): string =>
  count === 0 ? "" : `<div class="banner void">${count} ${what}: ${advice}.</div>`;

const classTable = ({ classes }: DatasetStatistics): string =>
  htmlTable(
    [
      "class",
      "parts",
      "frames",
      "marked",
      "boxes",
      "synthetic",
      "brightness (10 %, median, 90 %)",
      "sharpness (median)",
    ],
    classes.map(({ label, parts, frames, marked, boxes, synthetic, brightness, sharpness }) => [
      escapeHtml(label),
      ...[parts, frames, marked, boxes, synthetic].map(String),
      `${brightness.low} · ${brightness.median} · ${brightness.high}`,
      String(sharpness.median),
    ]),
  );

const sidesTable = ({ sides }: DatasetStatistics): string =>
  sides.length === 0
    ? ""
    : `<h2>Split</h2>${htmlTable(
        ["side", "parts", "frames"],
        sides.map(({ side, parts, frames }) => [escapeHtml(side), String(parts), String(frames)]),
      )}`;

function pairs<T>(title: string, found: readonly T[], cells: (one: T) => readonly string[]): string {
  if (found.length === 0) return "";
  const more = found.length > MOST_ROWS ? `<p>and ${found.length - MOST_ROWS} more</p>` : "";
  const rows = found.slice(0, MOST_ROWS).map((one) => cells(one).map(escapeHtml));
  return `<h2>${title}</h2>${htmlTable(
    (rows[0] ?? []).map(() => ""),
    rows,
  )}${more}`;
}

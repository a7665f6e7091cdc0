import type { ReliabilityBin } from "./calibration-error.ts";
import type { CurvePoint, ScoreHistogram } from "./evaluation-curves.ts";
import { escapeHtml } from "./report-text.ts";
import type { Limits } from "./quality-figures.ts";

/** Size of a plot in units of its view box, and the margins its labels need. */
const WIDTH = 400;
const HEIGHT = 300;
const LEFT = 46;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 42;
const INNER_WIDTH = WIDTH - LEFT - RIGHT;
const INNER_HEIGHT = HEIGHT - TOP - BOTTOM;

export interface PlotText {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Half a sentence below the plot. */
  readonly note: string;
}

/** x and y of the unit square in the view box. */
const across = (value: number): string => (LEFT + value * INNER_WIDTH).toFixed(1);
const up = (value: number): string => (TOP + (1 - value) * INNER_HEIGHT).toFixed(1);

interface Axes {
  /** Label of a tick at 0, 0.25, … 1 of the height. */
  readonly yTick?: (value: number) => string;
  readonly xTick?: (value: number) => string;
}

function figure({ title, x, y, note }: PlotText, content: string, axes: Axes = {}): string {
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const tickText = (value: number): string => String(value);
  const grid = ticks
    .map(
      (tick) =>
        `<path class="grid" d="M${across(0)} ${up(tick)}H${across(1)}M${across(tick)} ${up(0)}V${up(1)}"/>` +
        `<text class="tick" x="${LEFT - 6}" y="${Number(up(tick)) + 4}" text-anchor="end">${(axes.yTick ?? tickText)(tick)}</text>` +
        `<text class="tick" x="${across(tick)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle">${(axes.xTick ?? tickText)(tick)}</text>`,
    )
    .join("");
  return (
    `<figure><figcaption>${escapeHtml(title)}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${grid}${content}` +
    `<text class="axis" x="${LEFT + INNER_WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escapeHtml(x)}</text>` +
    `<text class="axis" transform="translate(12 ${TOP + INNER_HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(y)}</text>` +
    `</svg><p>${escapeHtml(note)}</p></figure>`
  );
}

const line = (points: readonly CurvePoint[], kind: string): string =>
  points.length === 0
    ? ""
    : `<path class="${kind}" d="M${points.map(([x, y]) => `${across(x)} ${up(y)}`).join("L")}"/>`;

/** A curve in the unit square; `reference` is drawn dashed. */
export const curvePlot = (
  text: PlotText,
  points: readonly CurvePoint[],
  reference: readonly CurvePoint[] = [],
): string => figure(text, line(reference, "reference") + line(points, "curve"));

/** Risk over coverage; the height is scaled to the highest risk. */
export function riskPlot(text: PlotText, points: readonly CurvePoint[]): string {
  const most = Math.max(0.01, ...points.map(([, risk]) => risk));
  const scaled = points.map(([coverage, risk]): CurvePoint => [coverage, risk / most]);
  return figure(text, line(scaled, "curve"), { yTick: (value) => `${Number((value * most * 100).toPrecision(2))} %` });
}

/** Good frames upward, defective ones downward, by NG score, with both limits; square-root scale, so that few show. */
export function histogramPlot(text: PlotText, { good, defective }: ScoreHistogram, limits: Limits): string {
  const most = Math.max(1, ...good, ...defective);
  const barWidth = INNER_WIDTH / good.length;
  const bars = (counts: readonly number[], kind: "good" | "defective"): string =>
    counts
      .map((count, bin) => {
        const height = (Math.sqrt(count / most) * INNER_HEIGHT) / 2;
        const middle = TOP + INNER_HEIGHT / 2;
        const top = kind === "good" ? middle - height : middle;
        return count === 0
          ? ""
          : `<rect class="${kind}" x="${(LEFT + bin * barWidth).toFixed(1)}" y="${top.toFixed(1)}" ` +
              `width="${(barWidth - 1).toFixed(1)}" height="${height.toFixed(1)}"><title>${count} ${kind}</title></rect>`;
      })
      .join("");
  const limitLine = (limit: number, name: string, anchor: "start" | "end", row: number): string =>
    `<path class="limit" d="M${across(limit)} ${up(0)}V${up(1)}"/><text class="limit-name" x="${Number(across(limit)) + (anchor === "end" ? -4 : 4)}" ` +
    `y="${TOP + 12 + row * 14}" text-anchor="${anchor}">${name}</text>`;
  // Names stay inside the frame.
  const anchorOf = (limit: number): "start" | "end" => (limit > 0.6 ? "end" : "start");
  const count = (value: number): string => String(Math.round((2 * value - 1) ** 2 * most));
  return figure(
    text,
    bars(good, "good") +
      bars(defective, "defective") +
      limitLine(limits.passBelow, "pass below", anchorOf(limits.passBelow), 0) +
      limitLine(limits.rejectFrom, "reject from", anchorOf(limits.rejectFrom), 1),
    { yTick: count },
  );
}

/** Observed over stated probability; the area of a dot grows with the number of forecasts in its bin. */
export function reliabilityPlot(text: PlotText, bins: readonly ReliabilityBin[]): string {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const points = bins.flatMap(({ stated, observed, count }) =>
    stated === null || observed === null ? [] : [{ stated, observed, count }],
  );
  const dots = points
    .map(
      ({ stated, observed, count }) =>
        `<circle class="dot" cx="${across(stated)}" cy="${up(observed)}" r="${(2.5 + 7 * Math.sqrt(count / most)).toFixed(1)}">` +
        `<title>${count} forecasts: stated ${stated.toFixed(3)}, observed ${observed.toFixed(3)}</title></circle>`,
    )
    .join("");
  const diagonal: CurvePoint[] = [
    [0, 0],
    [1, 1],
  ];
  const path = points.map(({ stated, observed }): CurvePoint => [stated, observed]);
  return figure(text, line(diagonal, "reference") + line(path, "thin") + dots);
}

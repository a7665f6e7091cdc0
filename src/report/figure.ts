import { escapeHtml } from "./text.ts";

/** x and y in the unit square. */
export type PlotPoint = readonly [x: number, y: number];

/** Size of a plot in units of its view box, and the margins its labels need. */
const WIDTH = 400;
const HEIGHT = 300;
export const LEFT = 62;
const RIGHT = 12;
export const TOP = 14;
const BOTTOM = 42;
export const INNER_WIDTH = WIDTH - LEFT - RIGHT;
export const INNER_HEIGHT = HEIGHT - TOP - BOTTOM;

export interface PlotText {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Half a sentence below the plot. */
  readonly note: string;
}

/** x and y of the unit square in the view box. */
export const across = (value: number): string => (LEFT + value * INNER_WIDTH).toFixed(1);
export const up = (value: number): string => (TOP + (1 - value) * INNER_HEIGHT).toFixed(1);

export interface Axes {
  /** Label of a tick at 0, 0.25, … 1 of the height. */
  readonly yTick?: (value: number) => string;
  readonly xTick?: (value: number) => string;
}

export function figure({ title, x, y, note }: PlotText, content: string, axes: Axes = {}): string {
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
    `<text class="axis" transform="translate(14 ${TOP + INNER_HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(y)}</text>` +
    `</svg><p>${escapeHtml(note)}</p></figure>`
  );
}

export const line = (points: readonly PlotPoint[], kind: string): string =>
  points.length === 0
    ? ""
    : `<path class="${kind}" d="M${points.map(([x, y]) => `${across(x)} ${up(y)}`).join("L")}"/>`;

/** A curve in the unit square; `reference` is drawn dashed. */
export const curvePlot = (text: PlotText, points: readonly PlotPoint[], reference: readonly PlotPoint[] = []): string =>
  figure(text, line(reference, "reference") + line(points, "curve"));

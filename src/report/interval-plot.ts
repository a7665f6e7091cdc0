import type { Interval } from "../statistics/intervals.ts";
import { escapeHtml, intervalText, percentText } from "./text.ts";

export interface IntervalRow {
  readonly name: string;
  /** 0-1. */
  readonly share: number;
  readonly interval: Interval;
}

const WIDTH = 400;
const NAME_WIDTH = 150;
const ROW_HEIGHT = 26;
const BOTTOM = 34;
const RIGHT = 16;
const LONGEST_NAME = 22;
/** Ends of the axis whose quarters are short numbers. */
const TOPS = [0.01, 0.02, 0.04, 0.08, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8];

/** Shares, a row each, as a dot on the line of its interval; `reference` is a dashed line with a name. */
export function intervalPlot(
  text: { readonly title: string; readonly x: string; readonly note: string },
  rows: readonly IntervalRow[],
  reference: { readonly share: number; readonly name: string } | null = null,
): string {
  const highest = Math.max(reference?.share ?? 0, ...rows.map(({ interval }) => interval.high));
  const most = TOPS.find((top) => top >= highest) ?? 1;
  const height = rows.length * ROW_HEIGHT + BOTTOM;
  const across = (share: number): string => (NAME_WIDTH + (share / most) * (WIDTH - NAME_WIDTH - RIGHT)).toFixed(1);
  const bottom = height - BOTTOM;
  const grid = [0, 0.25, 0.5, 0.75, 1]
    .map(
      (tick) =>
        `<path class="grid" d="M${across(tick * most)} 0V${bottom}"/>` +
        `<text class="tick" x="${across(tick * most)}" y="${bottom + 14}" text-anchor="middle">${Number((tick * most * 100).toPrecision(2))} %</text>`,
    )
    .join("");
  const marks = rows
    .map(({ name, share, interval }, index) => {
      const y = (index + 0.5) * ROW_HEIGHT;
      const shown = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
      return (
        `<text class="tick" x="${NAME_WIDTH - 8}" y="${y + 4}" text-anchor="end">${escapeHtml(shown)}</text>` +
        `<path class="curve" d="M${across(interval.low)} ${y}H${across(interval.high)}"/>` +
        `<circle class="dot" cx="${across(share)}" cy="${y}" r="5"><title>${escapeHtml(name)}: ${percentText(share)} (95 %: ${intervalText(interval)})</title></circle>`
      );
    })
    .join("");
  const line =
    reference === null
      ? ""
      : `<path class="reference" d="M${across(reference.share)} 0V${bottom}"><title>${escapeHtml(reference.name)}</title></path>`;
  return (
    `<figure><figcaption>${escapeHtml(text.title)}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(text.title)}">${grid}${line}${marks}` +
    `<text class="axis" x="${(NAME_WIDTH + WIDTH - RIGHT) / 2}" y="${height - 4}" text-anchor="middle">${escapeHtml(text.x)}</text>` +
    `</svg><p>${escapeHtml(text.note)}</p></figure>`
  );
}

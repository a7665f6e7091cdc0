import type { ClassStatistics, DatasetStatistics } from "../../datasets/statistics.ts";
import { escapeHtml } from "../../report/text.ts";

const WIDTH = 400;
const HEIGHT = 240;
const LEFT = 46;
const BOTTOM = 36;
const TOP = 12;
const INNER_WIDTH = WIDTH - LEFT - 12;
const INNER_HEIGHT = HEIGHT - TOP - BOTTOM;

const figure = (title: string, content: string, note: string, heightPx = HEIGHT): string =>
  `<figure><figcaption>${escapeHtml(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${heightPx}" role="img" ` +
  `aria-label="${escapeHtml(title)}">${content}</svg><p>${escapeHtml(note)}</p></figure>`;

const ROW_PX = 34;

/** Two bars a class: parts and frames, both to the scale of the most frames. */
export function barChart(title: string, classes: readonly ClassStatistics[]): string {
  const most = Math.max(1, ...classes.map(({ frames }) => frames));
  const left = 110;
  const lengthOf = (count: number): string => ((count / most) * (WIDTH - left - 84)).toFixed(1);
  const rows = classes.map(({ label, parts, frames }, row) => {
    const y = TOP + row * ROW_PX;
    const name = label.length > 16 ? `${label.slice(0, 15)}…` : label;
    return (
      `<text class="axis" x="${left - 6}" y="${y + 18}" text-anchor="end">${escapeHtml(name)}</text>` +
      `<rect class="good" x="${left}" y="${y + 2}" width="${lengthOf(parts)}" height="12"/>` +
      `<rect class="dot" x="${left}" y="${y + 16}" width="${lengthOf(frames)}" height="12"/>` +
      `<text class="tick" x="${left + Number(lengthOf(parts)) + 4}" y="${y + 12}">${parts} parts</text>` +
      `<text class="tick" x="${left + Number(lengthOf(frames)) + 4}" y="${y + 26}">${frames} frames</text>`
    );
  });
  return figure(
    title,
    rows.join(""),
    "what a promise rests on is the number of parts",
    TOP * 2 + classes.length * ROW_PX,
  );
}

const BINS = 32;

/** How many values lie where between `least` and `most`. */
export function histogramChart(
  title: string,
  values: readonly number[],
  { least, most, x }: { readonly least: number; readonly most: number; readonly x: string },
): string {
  const counts = new Array<number>(BINS).fill(0);
  for (const value of values) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(((value - least) / (most - least)) * BINS)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const highest = Math.max(1, ...counts);
  const barWidth = INNER_WIDTH / BINS;
  const bars = counts.map((count, bin) => {
    const height = (count / highest) * INNER_HEIGHT;
    const place = `x="${(LEFT + bin * barWidth).toFixed(1)}" y="${(TOP + INNER_HEIGHT - height).toFixed(1)}"`;
    return count === 0
      ? ""
      : `<rect class="dot" ${place} width="${(barWidth - 1).toFixed(1)}" height="${height.toFixed(1)}"><title>${count}</title></rect>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = String(Math.round(least + share * (most - least)));
    return `<text class="tick" x="${(LEFT + share * INNER_WIDTH).toFixed(1)}" y="${HEIGHT - 20}" text-anchor="middle">${value}</text>`;
  });
  return figure(title, frame(highest) + bars.join("") + ticks.join("") + axis(x), `${values.length} frames`);
}

/** A dot a size, as large as it is frequent. */
export function sizeChart(title: string, sizes: DatasetStatistics["sizes"]): string {
  const widest = Math.max(1, ...sizes.map(({ widthPx }) => widthPx));
  const highest = Math.max(1, ...sizes.map(({ heightPx }) => heightPx));
  const most = Math.max(1, ...sizes.map(({ frames }) => frames));
  const dots = sizes.slice(0, 500).map(({ widthPx, heightPx, frames }) => {
    const cx = (LEFT + (widthPx / widest) * INNER_WIDTH * 0.95).toFixed(1);
    const cy = (TOP + INNER_HEIGHT - (heightPx / highest) * INNER_HEIGHT * 0.95).toFixed(1);
    const radius = (2 + 7 * Math.sqrt(frames / most)).toFixed(1);
    return `<circle class="dot" cx="${cx}" cy="${cy}" r="${radius}"><title>${widthPx}x${heightPx} px: ${frames}</title></circle>`;
  });
  const note = sizes.length === 1 ? "all frames have one size" : `${sizes.length} sizes`;
  return figure(title, frame(highest) + dots.join("") + axis(`width, up to ${widest} px`), note);
}

const frame = (highest: number): string =>
  `<path class="grid" d="M${LEFT} ${TOP}V${TOP + INNER_HEIGHT}H${LEFT + INNER_WIDTH}"/>` +
  `<text class="tick" x="${LEFT - 6}" y="${TOP + 8}" text-anchor="end">${highest}</text>` +
  `<text class="tick" x="${LEFT - 6}" y="${TOP + INNER_HEIGHT}" text-anchor="end">0</text>`;

const axis = (text: string): string =>
  `<text class="axis" x="${LEFT + INNER_WIDTH / 2}" y="${HEIGHT - 4}" text-anchor="middle">${escapeHtml(text)}</text>`;

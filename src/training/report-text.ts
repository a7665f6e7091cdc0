import type { Interval } from "../statistics/intervals.ts";
import type { PartShare } from "./part-share.ts";
import type { IntervalFigure } from "./quality-figures.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Names of files and classes come from outside. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

/** A share as a percentage with two significant digits below 10 % ("0.37 %"), one decimal above. */
export function percentText(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  // 99.96 % must not read as 100 %.
  if (percent > 99) return `${percent.toFixed(2)} %`;
  return `${percent < 10 ? Number(percent.toPrecision(2)) : Number(percent.toFixed(1))} %`;
}

export const intervalText = ({ low, high }: Interval): string => `${percentText(low)} to ${percentText(high)}`;

/** "3 of 120 parts, 2.5 % (95 %: 0.52 % to 7.1 %)". */
export const partShareText = ({ wrongParts, parts, share, interval }: PartShare): string =>
  parts === 0
    ? "no such parts"
    : `${wrongParts} of ${parts} parts, ${percentText(share)} (95 %: ${intervalText(interval)})`;

export const figureText = (figure: IntervalFigure | null): string =>
  figure === null
    ? "n/a"
    : `${figure.value.toFixed(4)} (95 %: ${figure.interval.low.toFixed(4)} to ${figure.interval.high.toFixed(4)})`;

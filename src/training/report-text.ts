import { intervalText, percentText } from "../report/text.ts";
import type { PartShare } from "./part-share.ts";
import type { IntervalFigure } from "./quality-figures.ts";

/** "3 of 120 parts, 2.5 % (95 %: 0.52 % to 7.1 %)". */
export const partShareText = ({ wrongParts, parts, share, interval }: PartShare): string =>
  parts === 0
    ? "no such parts"
    : `${wrongParts} of ${parts} parts, ${percentText(share)} (95 %: ${intervalText(interval)})`;

export const figureText = (figure: IntervalFigure | null): string =>
  figure === null
    ? "n/a"
    : `${figure.value.toFixed(4)} (95 %: ${figure.interval.low.toFixed(4)} to ${figure.interval.high.toFixed(4)})`;

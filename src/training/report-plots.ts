import { across, figure, INNER_HEIGHT, INNER_WIDTH, LEFT, line, type PlotText, TOP, up } from "../report/figure.ts";
import type { ReliabilityBin } from "./calibration-error.ts";
import type { CurvePoint, ScoreHistogram } from "./evaluation-curves.ts";
import type { Limits } from "./quality-figures.ts";

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

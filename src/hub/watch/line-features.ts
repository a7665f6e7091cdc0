import type { FeatureWindow } from "../../analysis/feature-shifts.ts";
import type { ImageStatistics } from "../../contracts/image-statistics.ts";
import { leastChangeOf } from "../../drift/material-change.ts";
import { type LinePart, timeOf } from "./line-windows.ts";

/** What the watch on the device calls them. */
const STATISTICS = {
  brightness: "brightness",
  darkShare: "share of black pixels",
  brightShare: "share of saturated pixels",
  sharpness: "sharpness",
} as const satisfies { readonly [S in keyof ImageStatistics]: string };
const STATISTIC_NAMES = Object.entries(STATISTICS) as [keyof ImageStatistics, string][]; // same keys

/** A line that shows the same few parts over and over would be said to have changed at a hundredth of a grey level. */
export const LEAST_MOVES: ReadonlyMap<string, number> = new Map(
  STATISTIC_NAMES.map(([statistic, feature]) => [feature, leastChangeOf(statistic)]),
);

/** Sensor readings of the random audit's parts, which alone are a fair sample of a line's. */
export interface Readings {
  readonly capturedAt: number;
  readonly numbers: ReadonlyMap<string, number>;
}

/**
 * The window's features: scores, times, verdicts, classes, how its frames look, and the readings between its first part
 * and its last.
 */
export function featuresOf(parts: readonly LinePart[], readings: readonly Readings[]): FeatureWindow {
  const numbers = new Map<string, number[]>();
  const counts = new Map<string, number>();
  const add = (feature: string, value: number): void => {
    const values = numbers.get(feature) ?? [];
    if (values.length === 0) numbers.set(feature, values);
    values.push(value);
  };
  const count = (feature: string): void => {
    counts.set(feature, (counts.get(feature) ?? 0) + 1);
  };
  for (const { verdict, statistics } of parts) {
    count(`verdict ${verdict.verdict}`);
    add("latency, ms", verdict.latencyMs.total);
    if (verdict.verdict === "fault") {
      count(`fault ${verdict.reason}`);
      continue;
    }
    count(`class ${verdict.class}`);
    add("NG score", verdict.score);
    add("confidence", Math.max(...Object.values(verdict.scores)));
    if (statistics !== null) for (const [statistic, feature] of STATISTIC_NAMES) add(feature, statistics[statistic]);
  }
  const [from, to] = [timeOf(parts[0]), timeOf(parts.at(-1))];
  for (const { capturedAt, numbers: own } of readings)
    if (capturedAt >= from && capturedAt <= to) for (const [key, value] of own) add(`reading ${key}`, value);
  return { parts: parts.length, numbers, counts };
}

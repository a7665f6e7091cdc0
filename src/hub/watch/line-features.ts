import type { FeatureWindow } from "../../analysis/feature-shifts.ts";
import type { Verdict } from "../../contracts/verdict.ts";
import { timeOf } from "./line-windows.ts";

/** Sensor readings of the random audit's parts, which alone are a fair sample of a line's. */
export interface Readings {
  readonly capturedAt: number;
  readonly numbers: ReadonlyMap<string, number>;
}

/** The window's features: scores, times, verdicts, classes, and the readings between its first part and its last. */
export function featuresOf(verdicts: readonly Verdict[], readings: readonly Readings[]): FeatureWindow {
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
  for (const verdict of verdicts) {
    count(`verdict ${verdict.verdict}`);
    add("latency, ms", verdict.latencyMs.total);
    if (verdict.verdict === "fault") {
      count(`fault ${verdict.reason}`);
      continue;
    }
    count(`class ${verdict.class}`);
    add("NG score", verdict.score);
    add("confidence", Math.max(...Object.values(verdict.scores)));
  }
  const [from, to] = [timeOf(verdicts[0]), timeOf(verdicts.at(-1))];
  for (const { capturedAt, numbers: own } of readings)
    if (capturedAt >= from && capturedAt <= to) for (const [key, value] of own) add(`reading ${key}`, value);
  return { parts: verdicts.length, numbers, counts };
}

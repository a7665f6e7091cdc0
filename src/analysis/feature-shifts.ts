import { mean, median } from "../statistics/averages.ts";
import { benjaminiHochberg } from "../statistics/false-discovery.ts";
import { kolmogorovSmirnov } from "../statistics/kolmogorov-smirnov.ts";
import { pooledTest } from "../statistics/two-shares.ts";

/** What is known of the parts of one window: numbers of each part, and how many had a property. */
export interface FeatureWindow {
  readonly parts: number;
  readonly numbers: ReadonlyMap<string, readonly number[]>;
  readonly counts: ReadonlyMap<string, number>;
}

export interface FeatureShift {
  readonly feature: string;
  readonly kind: "number" | "share";
  /** Median of the numbers, or the share. */
  readonly before: number;
  readonly now: number;
  /** Distance of the distributions, or difference of the shares: 0 to 1. */
  readonly effect: number;
  /** Adjusted for all tests that were made together. */
  readonly adjustedP: number;
  /** Sure and large enough to matter. */
  readonly changed: boolean;
}

/** Parts of a lot resemble each other, so p-values of single parts promise too much: a change must also be one to see. */
const LEAST_DISTANCE = 0.1;
const LEAST_DIFFERENCE = 0.02;
const MOST_FALSE = 0.01;
const LEAST_NUMBERS = 20;

/**
 * Every feature of two windows, tested for a change: numbers by Kolmogorov-Smirnov, shares by the pooled test, all
 * p-values of all lines adjusted together (Benjamini & Hochberg 1995). One list of shifts for each line, greatest first.
 * `leastMoves`: what the mean or the median of a feature's numbers must have moved by, where that is known.
 */
export function featureShifts(
  lines: readonly { readonly before: FeatureWindow; readonly now: FeatureWindow }[],
  leastMoves: ReadonlyMap<string, number> = new Map(),
): FeatureShift[][] {
  const tests = lines.flatMap(({ before, now }, line) =>
    [...numberTests(before, now, leastMoves), ...shareTests(before, now)].map((test) => ({ ...test, line })),
  );
  const adjusted = benjaminiHochberg(tests.map(({ p }) => p));
  const shifts = tests.map(({ line, p: _, matters, ...test }, index) => {
    const adjustedP = adjusted[index] ?? 1;
    return { line, shift: { ...test, adjustedP, changed: adjustedP <= MOST_FALSE && matters } };
  });
  return lines.map((_, line) =>
    shifts
      .filter((each) => each.line === line)
      .map(({ shift }) => shift)
      .toSorted((one, other) => Number(other.changed) - Number(one.changed) || other.effect - one.effect),
  );
}

type Test = Omit<FeatureShift, "adjustedP" | "changed"> & { readonly p: number; readonly matters: boolean };

function numberTests(before: FeatureWindow, now: FeatureWindow, leastMoves: ReadonlyMap<string, number>): Test[] {
  return [...now.numbers].flatMap(([feature, values]): Test[] => {
    const earlier = before.numbers.get(feature) ?? [];
    if (earlier.length < LEAST_NUMBERS || values.length < LEAST_NUMBERS) return [];
    const { distance, p } = kolmogorovSmirnov(earlier, values);
    const medians = { before: median(earlier), now: median(values) };
    const moved = Math.max(Math.abs(medians.now - medians.before), Math.abs(mean(values) - mean(earlier)));
    const matters = distance >= LEAST_DISTANCE && moved >= (leastMoves.get(feature) ?? 0);
    return [{ feature, kind: "number", ...medians, effect: distance, p, matters }];
  });
}

function shareTests(before: FeatureWindow, now: FeatureWindow): Test[] {
  if (before.parts === 0 || now.parts === 0) return [];
  const features = new Set([...before.counts.keys(), ...now.counts.keys()]);
  return [...features].map((feature): Test => {
    const earlier = { hits: before.counts.get(feature) ?? 0, trials: before.parts };
    const later = { hits: now.counts.get(feature) ?? 0, trials: now.parts };
    const shares = { before: earlier.hits / earlier.trials, now: later.hits / later.trials };
    const effect = Math.abs(shares.now - shares.before);
    const matters = effect >= LEAST_DIFFERENCE;
    return { feature, kind: "share", ...shares, effect, p: pooledTest(earlier, later), matters };
  });
}

import { seededRandom, shuffle } from "../platform/random.ts";
import { type Interval, quantile } from "../statistics/intervals.ts";
import { fitPowerLaw, type PowerLaw, powerLawAt } from "../statistics/power-law.ts";
import { classProbabilities, fitLinearHead, projected } from "./linear-head.ts";
import type { EmbeddedCase } from "./suspected-labels.ts";

export interface CurveOptions {
  readonly seed: number;
  /** Repetitions with other held-out parts, at least 10 for an interval worth the name. */
  readonly repeats?: number;
  /** Sizes, at least 5. */
  readonly sizes?: number;
  /** Share of the parts held out in each repetition. */
  readonly heldOut?: number;
}

/** At one number of labelled parts: mean error over the repetitions, 0-1. */
export interface CurvePoint {
  readonly parts: number;
  readonly trainError: number;
  readonly validationError: number;
  /** Validation error of every repetition, in the same order at every size. */
  readonly repeats: readonly number[];
}

export interface LearningCurve {
  /** Rising number of parts. */
  readonly points: readonly CurvePoint[];
  readonly forecast: CurveForecast;
}

/** What more parts would bring, by a power law through the validation errors. */
export interface CurveForecast {
  readonly law: PowerLaw;
  /** Parts that there are now, and twice and four times as many: no further, a curve says little there. */
  readonly steps: readonly ForecastStep[];
  /** True when twice the parts bring a gain worth having at the lower end of its interval. */
  readonly moreDataHelps: boolean;
  readonly sentence: string;
}

export interface ForecastStep {
  readonly factor: number;
  readonly parts: number;
  readonly error: number;
  /** Error now, by the fit, less the error then. */
  readonly gain: number;
  readonly gainInterval: Interval;
}

const DEFAULTS = { repeats: 10, sizes: 6, heldOut: 0.3 } as const;
const MOST_DIMENSIONS = 128;
const FACTORS = [2, 4];
const RESAMPLES = 300;
/** A gain below a twentieth of a percent, or a fiftieth of the error, is none. */
const LEAST_GAIN = 0.0005;
const LEAST_GAIN_SHARE = 0.02;
export const LEAST_PARTS = 30;
/** More are drawn from by chance: the curve has flattened by then, and fits would take minutes. */
const MOST_PARTS = 10_000;

/**
 * Error over the number of labelled parts, training and validation, by a linear head on embeddings that are there
 * already: seconds instead of days of training. Every repetition holds out other parts and grows its training set by
 * whole parts. Null below LEAST_PARTS parts or two labels, where there is nothing to fit.
 */
export function learningCurve(cases: readonly EmbeddedCase[], options: CurveOptions): LearningCurve | null {
  const { seed, repeats, sizes, heldOut } = { ...DEFAULTS, ...options };
  const classes = [...new Set(cases.map(({ label }) => label))].sort();
  const byPart = Map.groupBy(cases.keys(), (index) => cases[index]?.group ?? "");
  const random = seededRandom(seed);
  const parts = shuffle([...byPart.keys()].sort(), random).slice(0, MOST_PARTS);
  if (parts.length < LEAST_PARTS || classes.length < 2) return null;
  const vectors = projected(
    cases.map(({ embedding }) => embedding),
    MOST_DIMENSIONS,
    seed,
  );
  const truths = cases.map(({ label }) => classes.indexOf(label));
  const most = Math.floor(parts.length * (1 - heldOut));
  const counts = curveSizes(most, sizes, classes.length);
  const errors = counts.map(() => ({ train: [] as number[], validation: [] as number[] }));
  for (let repeat = 0; repeat < repeats; repeat++) {
    const order = shuffle([...parts], random);
    const indicesOf = (some: readonly string[]): number[] => some.flatMap((part) => byPart.get(part) ?? []);
    const held = indicesOf(order.slice(most));
    counts.forEach((count, at) => {
      const learnt = indicesOf(order.slice(0, count));
      const head = fitLinearHead(
        {
          embeddings: learnt.map((index) => vectors[index] ?? []),
          classIndices: learnt.map((index) => truths[index] ?? 0),
        },
        classes.length,
      );
      const errorOn = (indices: readonly number[]): number =>
        indices.filter((index) => likeliest(classProbabilities(head, vectors[index] ?? [])) !== truths[index]).length /
        indices.length;
      errors[at]?.train.push(errorOn(learnt));
      errors[at]?.validation.push(errorOn(held));
    });
  }
  const points = counts.map((count, at): CurvePoint => {
    const { train = [], validation = [] } = errors[at] ?? {};
    return { parts: count, trainError: mean(train), validationError: mean(validation), repeats: validation };
  });
  return { points, forecast: forecastCurve(points, { seed, heldOut }) };
}

/** Rising in equal ratios from an eighth of the parts, or a few of each class, to all of them. */
function curveSizes(most: number, sizes: number, classCount: number): number[] {
  const least = Math.min(most / 2, Math.max(most / 16, 4 * classCount));
  const counts = Array.from({ length: sizes }, (_, index) =>
    Math.round(least * (most / least) ** (index / (sizes - 1))),
  );
  return [...new Set(counts)];
}

/**
 * Power law through the mean validation errors, with intervals by resampling whole repetitions. Repetitions share their
 * data, so their spread alone would promise too much: every resample draws only as many as count as independent by the
 * corrected variance of repeated hold-outs (Nadeau & Bengio 2003), about 2 of 10 with 30 % held out. `heldOut`: their share.
 */
export function forecastCurve(
  points: readonly CurvePoint[],
  { seed, heldOut = DEFAULTS.heldOut }: { readonly seed: number; readonly heldOut?: number },
): CurveForecast {
  const repeats = points[0]?.repeats.length ?? 0;
  const now = points.at(-1)?.parts ?? 1;
  const lawOf = (drawn: readonly number[]): PowerLaw =>
    fitPowerLaw(
      points.map(({ parts, repeats: values }) => ({ x: parts, y: mean(drawn.map((at) => values[at] ?? 0)) })),
    );
  const all = Array.from({ length: repeats }, (_, index) => index);
  const law = lawOf(all);
  const gainAt = (curve: PowerLaw, factor: number): number => powerLawAt(curve, now) - powerLawAt(curve, factor * now);
  const random = seededRandom(seed);
  const independent = Math.max(1, Math.round(1 / (1 / repeats + heldOut / (1 - heldOut))));
  const laws = Array.from({ length: repeats < 2 ? 0 : RESAMPLES }, () =>
    lawOf(Array.from({ length: independent }, () => Math.floor(random() * repeats))),
  );
  const steps = FACTORS.map((factor): ForecastStep => {
    const gains = laws.map((curve) => gainAt(curve, factor)).sort((a, b) => a - b);
    const gainInterval =
      gains.length === 0 ? { low: 0, high: 1 } : { low: quantile(gains, 0.025), high: quantile(gains, 0.975) };
    const parts = factor * now;
    return { factor, parts, error: powerLawAt(law, parts), gain: gainAt(law, factor), gainInterval };
  });
  const [twice] = steps;
  const least = Math.max(LEAST_GAIN, LEAST_GAIN_SHARE * powerLawAt(law, now));
  const moreDataHelps = (twice?.gainInterval.low ?? 0) > least;
  return { law, steps, moreDataHelps, sentence: forecastSentence(now, twice, moreDataHelps) };
}

function forecastSentence(now: number, twice: ForecastStep | undefined, helps: boolean): string {
  if (twice === undefined) return "There is no forecast.";
  const { gain, gainInterval } = twice;
  const range = `95 %: ${points(gainInterval.low)} to ${points(gainInterval.high)}`;
  return helps
    ? `Twice the labelled parts (${2 * now} instead of ${now}) would take about ${points(gain)} points off the error (${range}).`
    : `Twice the labelled parts (${2 * now} instead of ${now}) may bring next to nothing (${points(gain)} points; ${range}): more of the same is no advice.`;
}

const points = (share: number): string => (100 * share).toFixed(2);

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

function likeliest(probabilities: Float64Array): number {
  let best = 0;
  probabilities.forEach((probability, at) => {
    if (probability > (probabilities[best] ?? 0)) best = at;
  });
  return best;
}

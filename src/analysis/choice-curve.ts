import { mean } from "../statistics/averages.ts";
import { seededRandom, shuffle } from "../platform/random.ts";
import { type Interval, quantile } from "../statistics/intervals.ts";
import { candidateOf, chooseBatch } from "./choose-batch.ts";
import { normalised } from "./k-means.ts";
import { classProbabilities, fitLinearHead, type LinearClassifier, projected } from "./linear-head.ts";

/** A labelled case whose embedding is kept. */
export interface ChoiceCase {
  readonly embedding: ArrayLike<number>;
  readonly label: string;
  /** The physical part. */
  readonly group: string;
  readonly defective: boolean;
}

export interface ChoiceOptions {
  /** Other held-out parts and another order of the line in each, at least 10. */
  readonly seeds: number;
  readonly firstSeed: number;
  /** Labels asked for at a time. */
  readonly batch: number;
  /** Frames that pass between two batches: what the policy may choose from. */
  readonly window: number;
  /** Share of the parts that judge. */
  readonly heldOut: number;
  /** Where the curves end. */
  readonly mostLabels: number;
  /** How far below the result with every label counts as reached. */
  readonly tolerance: number;
}

export const CHOICE_DEFAULTS: ChoiceOptions = {
  seeds: 20,
  firstSeed: 1,
  batch: 10,
  window: 60,
  heldOut: 0.25,
  mostLabels: 400,
  tolerance: 0.005,
};

export type Policy = "policy" | "random";

export interface ChoicePoint {
  readonly labels: number;
  /** Mean AUROC over the seeds, and its 95 % bootstrap interval. */
  readonly auroc: number;
  readonly interval: Interval;
  /** Mean share of defective held-out frames passed where one good frame in twenty is rejected. */
  readonly escape: number;
}

export interface ChoiceCurve {
  readonly curves: Readonly<Record<Policy, readonly ChoicePoint[]>>;
  /** With every label of the training parts, mean over the seeds. */
  readonly fullAuroc: number;
  readonly fullLabels: number;
  /** Labels at which the mean curve first comes within the tolerance of the full result; null: never. */
  readonly labelsNeeded: Readonly<Record<Policy, number | null>>;
  /** Of the policy's over random's, with its bootstrap interval over the seeds; null where one never gets there. */
  readonly ratio: { readonly value: number; readonly interval: Interval } | null;
  readonly seeds: number;
}

const DIMENSIONS = 128;
const RESAMPLES = 400;
/** Share of good frames rejected at which escapes are counted. */
const OVERKILL = 0.05;

interface Figures {
  readonly auroc: number;
  readonly escape: number;
}

/** One seed: figures after each batch, by policy, and with every label. */
interface SeedCurves {
  readonly policy: readonly Figures[];
  readonly random: readonly Figures[];
  readonly full: Figures;
}

/**
 * Does choosing pay on these data? Both policies see the same line: frames of the training parts in random order, over and
 * over, a window at a time, of which each may have `batch` labelled; a linear head learns from them and is judged on parts
 * held out. Calls `onSeed` after each seed.
 */
export function choiceCurve(
  cases: readonly ChoiceCase[],
  options: ChoiceOptions = CHOICE_DEFAULTS,
  onSeed: (done: number) => void = () => undefined,
): ChoiceCurve {
  const classes = [...new Set(cases.map(({ label }) => label))].sort();
  const vectors = projected(
    cases.map(({ embedding }) => embedding),
    DIMENSIONS,
    options.firstSeed,
  ).map((vector) => normalised(vector));
  const isGood = classes.map((name) => cases.some(({ label, defective }) => label === name && !defective));
  const data: Data = { cases, classes, isGood, vectors, truths: cases.map(({ label }) => classes.indexOf(label)) };
  const seeds: SeedCurves[] = [];
  for (let round = 0; round < options.seeds; round++) {
    seeds.push(oneSeed(data, options, options.firstSeed + round));
    onSeed(round + 1);
  }
  return summary(seeds, options, cases.length);
}

interface Data {
  readonly cases: readonly ChoiceCase[];
  readonly classes: readonly string[];
  /** By class. */
  readonly isGood: readonly boolean[];
  readonly vectors: readonly Float64Array[];
  readonly truths: readonly number[];
}

function oneSeed(data: Data, options: ChoiceOptions, seed: number): SeedCurves {
  const random = seededRandom(seed);
  const { fit, test } = splitParts(data, options.heldOut, random);
  const judge = (labelled: readonly number[]): Figures => figuresOf(data, fitted(data, labelled), test);
  const line = lineOf(fit, random);
  const windows = Math.ceil(Math.min(fit.length, options.mostLabels) / options.batch);
  const shown = Array.from({ length: windows }, () => Array.from({ length: options.window }, () => line()));
  const run = (choose: (window: readonly number[], labelled: readonly number[], count: number) => number[]) => {
    const labelled: number[] = [];
    const known = new Set<number>();
    return shown.flatMap((window) => {
      const fresh = [...new Set(window)].filter((index) => !known.has(index));
      for (const index of choose(fresh, labelled, Math.min(options.batch, fresh.length))) {
        labelled.push(index);
        known.add(index);
      }
      return judge(labelled);
    });
  };
  const draw = seededRandom(seed + 7919);
  return {
    random: run((window, _labelled, count) => shuffle([...window], draw).slice(0, count)),
    policy: run((window, labelled, count) => policyChoice(data, window, labelled, count)),
    full: judge(fit),
  };
}

function policyChoice(data: Data, window: readonly number[], labelled: readonly number[], count: number): number[] {
  const model = labelled.length === 0 ? null : fitted(data, labelled);
  const partOf = (index: number): string => data.cases[index]?.group ?? "";
  const knownParts = new Set(labelled.map(partOf));
  // Another picture of a part that is labelled teaches little.
  const ofNewParts = window.filter((index) => !knownParts.has(partOf(index)));
  const frames = ofNewParts.length >= count ? ofNewParts : window;
  const candidates = frames.map((index) => {
    const vector = data.vectors[index] ?? new Float64Array();
    return candidateOf(vector, model === null ? null : classProbabilities(model, vector));
  });
  const chosen = chooseBatch(candidates, count, {
    labelled: labelled.map((index) => data.vectors[index] ?? new Float64Array()),
    classCount: data.classes.length,
  });
  return chosen.map((position) => frames[position] ?? 0);
}

const fitted = ({ vectors, truths, classes }: Data, labelled: readonly number[]): LinearClassifier =>
  fitLinearHead(
    {
      embeddings: labelled.map((index) => vectors[index] ?? new Float64Array()),
      classIndices: labelled.map((index) => truths[index] ?? 0),
    },
    classes.length,
  );

/** Whole parts, of good and of defective ones the same share. */
function splitParts({ cases }: Data, heldOut: number, random: () => number): { fit: number[]; test: number[] } {
  const defectiveParts = new Set(cases.filter(({ defective }) => defective).map(({ group }) => group));
  const parts = [...new Set(cases.map(({ group }) => group))].sort();
  const tested = new Set(
    [true, false].flatMap((wanted) => {
      const own = shuffle(
        parts.filter((part) => defectiveParts.has(part) === wanted),
        random,
      );
      return own.slice(0, Math.max(1, Math.round(own.length * heldOut)));
    }),
  );
  const all = [...cases.keys()];
  const isTest = (index: number): boolean => tested.has(cases[index]?.group ?? "");
  return { fit: all.filter((index) => !isTest(index)), test: all.filter(isTest) };
}

/** The line: every frame once in random order, then again in another. */
function lineOf(frames: readonly number[], random: () => number): () => number {
  let waiting: number[] = [];
  return () => {
    if (waiting.length === 0) waiting = shuffle([...frames], random);
    return waiting.pop() ?? 0;
  };
}

function figuresOf(data: Data, model: LinearClassifier, test: readonly number[]): Figures {
  const scored = test.map((index) => {
    const probabilities = classProbabilities(model, data.vectors[index] ?? new Float64Array());
    let good = 0;
    data.isGood.forEach((isGood, at) => {
      if (isGood) good += probabilities[at] ?? 0;
    });
    return { score: 1 - good, defective: data.cases[index]?.defective === true };
  });
  const goods = scored.filter(({ defective }) => !defective).map(({ score }) => score);
  const defects = scored.filter(({ defective }) => defective).map(({ score }) => score);
  const limit = quantile(
    goods.sort((a, b) => a - b),
    1 - OVERKILL,
  );
  const wins = defects.reduce((sum, score) => sum + below(goods, score), 0);
  return {
    auroc: wins / (defects.length * goods.length),
    escape: defects.filter((score) => score <= limit).length / defects.length,
  };
}

/** Good scores below a score, ties counting half; `goods` ascending. */
const below = (goods: readonly number[], score: number): number =>
  goods.reduce((sum, good) => sum + (good < score ? 1 : good === score ? 0.5 : 0), 0);

function summary(seeds: readonly SeedCurves[], options: ChoiceOptions, frames: number): ChoiceCurve {
  const random = seededRandom(options.firstSeed);
  const resamples = Array.from({ length: RESAMPLES }, () =>
    seeds.map(() => seeds[Math.floor(random() * seeds.length)] ?? raise()),
  );
  const curves = {
    policy: pointsOf("policy", seeds, resamples, options),
    random: pointsOf("random", seeds, resamples, options),
  };
  const ratios = resamples
    .map((resample) => ratioOf(resample, options))
    .filter((value) => value !== null)
    .sort((a, b) => a - b);
  const value = ratioOf(seeds, options);
  return {
    curves,
    fullAuroc: mean(seeds.map(({ full }) => full.auroc)),
    fullLabels: Math.round(frames * (1 - options.heldOut)),
    labelsNeeded: { policy: needed("policy", seeds, options), random: needed("random", seeds, options) },
    ratio: value === null ? null : { value, interval: { low: quantile(ratios, 0.025), high: quantile(ratios, 0.975) } },
    seeds: seeds.length,
  };
}

function raise(): never {
  throw new RangeError("no seed was run");
}

/** Batches that every seed has. */
const lengthOf = (seeds: readonly SeedCurves[]): number => Math.min(...seeds.map(({ random }) => random.length));

function pointsOf(
  policy: Policy,
  seeds: readonly SeedCurves[],
  resamples: readonly (readonly SeedCurves[])[],
  { batch }: ChoiceOptions,
): ChoicePoint[] {
  return Array.from({ length: lengthOf(seeds) }, (_, at) => {
    const of = (some: readonly SeedCurves[]): number => mean(some.map((seed) => seed[policy][at]?.auroc ?? NaN));
    const spread = resamples.map(of).sort((a, b) => a - b);
    return {
      labels: (at + 1) * batch,
      auroc: of(seeds),
      interval: { low: quantile(spread, 0.025), high: quantile(spread, 0.975) },
      escape: mean(seeds.map((seed) => seed[policy][at]?.escape ?? NaN)),
    };
  });
}

/** Where the mean curve is within the tolerance for the first time. */
function needed(policy: Policy, seeds: readonly SeedCurves[], { batch, tolerance }: ChoiceOptions): number | null {
  const target = mean(seeds.map(({ full }) => full.auroc)) - tolerance;
  for (let at = 0; at < lengthOf(seeds); at++) {
    if (mean(seeds.map((seed) => seed[policy][at]?.auroc ?? NaN)) >= target) return (at + 1) * batch;
  }
  return null;
}

function ratioOf(seeds: readonly SeedCurves[], options: ChoiceOptions): number | null {
  const [chosen, drawn] = [needed("policy", seeds, options), needed("random", seeds, options)];
  return chosen === null || drawn === null ? null : chosen / drawn;
}

import type { ModelClass } from "../contracts/model-bundle.ts";
import { softmax } from "./calibrate-scores.ts";

/** How logits become calibrated probabilities: softmax(logits / temperature + biases). */
export interface ScoreCalibration {
  readonly temperature: number;
  /** [classes], as logarithms of odds; what they have in common means nothing. `train` moves the good ones alone. */
  readonly biases: readonly number[];
}

type Kind = ModelClass["kind"];

/** Weight of half the squared shift beside the mean negative log likelihood: kinds that separate by themselves stay put. */
const SHIFT_PENALTY = 0.001;
const LARGEST_SHIFT = 30;
/** Halvings of the shift's range, to about 1e-8. */
const SHIFT_STEPS = 32;
/** Golden-section steps over the logarithm of the temperature, to about 1e-8. */
const TEMPERATURE_STEPS = 40;
const LARGEST_TEMPERATURE = 20;

/** Logits up to a constant of the probabilities [classes] that a calibration made of them. */
export function logitsBehind(probabilities: Float32Array, { temperature, biases }: ScoreCalibration): Float64Array {
  return Float64Array.from(
    probabilities,
    (value, index) => temperature * (Math.log(Math.max(value, LEAST_PROBABILITY)) - (biases[index] ?? 0)),
  );
}

/** Below what float32 softmax gives before it gives 0. */
const LEAST_PROBABILITY = 1e-38;

/** softmax(logits / temperature + biases) [classes]. */
export const calibratedProbabilities = (
  logits: Float64Array,
  { temperature, biases }: ScoreCalibration,
): Float64Array =>
  softmax(
    logits.map((logit, index) => logit / temperature + (biases[index] ?? 0)),
    1,
  );

/**
 * The temperature and the shift of the good classes against the defects that make held-out probabilities honest where
 * every class is as likely as the others: least negative log likelihood, each class weighing the same (bias-corrected
 * temperature scaling: Alexandari et al. 2020, "Maximum likelihood with bias-corrected calibration is hard-to-beat at label
 * shift adaptation"; the balanced prior: Menon et al. 2021, "Long-tail learning via logit adjustment"), plus a small penalty
 * on the shift. One shift for a kind, not one bias for a class: it leaves the order of the NG scores as it is, and biases
 * of single defect classes cost AUROC on parts not seen (docs/models.md).
 *
 * `logits` are rows [classes] up to a constant each, `truths` class indices, `kinds` [classes]. Where the rows are all of
 * one kind, `before` is kept and only the temperature fitted. Temperature and biases are float32 numbers.
 */
export function fitCalibration(
  logits: readonly Float64Array[],
  truths: readonly number[],
  kinds: readonly Kind[],
  before: readonly number[] = kinds.map(() => 0),
): ScoreCalibration {
  const weights = balancedWeights(truths);
  const isGood = Uint8Array.from(truths, (truth) => (kinds[truth] === "good" ? 1 : 0));
  const fixed = new Set(isGood).size < 2;
  const biasOf = (kind: Kind): number => before[kinds.indexOf(kind)] ?? 0;
  const fitAt = (logTemperature: number): { shift: number; loss: number } => {
    const { good, withinKind } = oddsAt(Math.exp(logTemperature), logits, truths, kinds);
    const shift = fixed ? biasOf("good") - biasOf("defect") : bestShift(good, isGood, weights);
    let loss = fixed ? 0 : (SHIFT_PENALTY / 2) * shift * shift;
    for (let row = 0; row < truths.length; row++) {
      const ownKind = ((good[row] ?? 0) + shift) * (isGood[row] === 1 ? 1 : -1);
      const ofKind = Math.min(ownKind, 0) - Math.log1p(Math.exp(-Math.abs(ownKind)));
      loss -= (weights[row] ?? 0) * ((withinKind[row] ?? 0) + ofKind);
    }
    return { shift, loss };
  };
  const logTemperature = leastAt((place) => fitAt(place).loss, Math.log(LARGEST_TEMPERATURE));
  const shift = Math.fround(fitAt(logTemperature).shift);
  return {
    temperature: Math.fround(Math.exp(logTemperature)),
    biases: fixed ? before : kinds.map((kind) => (kind === "good" ? shift : 0)),
  };
}

/** Weight of each row: every class that occurs weighs the same, all together 1. */
function balancedWeights(truths: readonly number[]): Float64Array {
  const counts = new Map<number, number>();
  for (const truth of truths) counts.set(truth, (counts.get(truth) ?? 0) + 1);
  return Float64Array.from(truths, (truth) => 1 / (counts.size * (counts.get(truth) ?? 1)));
}

interface RowOdds {
  /** [rows], logarithm of the odds of the good classes. */
  readonly good: Float64Array;
  /** [rows], logarithm of the true class's share of its kind. */
  readonly withinKind: Float64Array;
}

function oddsAt(
  temperature: number,
  logits: readonly Float64Array[],
  truths: readonly number[],
  kinds: readonly Kind[],
): RowOdds {
  const good = new Float64Array(logits.length);
  const withinKind = new Float64Array(logits.length);
  const goodClass = kinds.map((kind) => kind === "good");
  logits.forEach((row, index) => {
    let highest = -Infinity;
    for (const logit of row) highest = Math.max(highest, logit);
    let [goodSum, defectSum] = [Number.MIN_VALUE, Number.MIN_VALUE];
    for (let c = 0; c < row.length; c++) {
      const power = Math.exp(((row[c] ?? 0) - highest) / temperature);
      if (goodClass[c] === true) goodSum += power;
      else defectSum += power;
    }
    const truth = truths[index] ?? 0;
    good[index] = Math.log(goodSum) - Math.log(defectSum);
    const ownKind = goodClass[truth] === true ? goodSum : defectSum;
    withinKind[index] = ((row[truth] ?? 0) - highest) / temperature - Math.log(ownKind);
  });
  return { good, withinKind };
}

/** Where the loss's slope, which rises with the shift, is nought. */
function bestShift(good: Float64Array, isGood: Uint8Array, weights: Float64Array): number {
  let [low, high] = [-LARGEST_SHIFT, LARGEST_SHIFT];
  for (let step = 0; step < SHIFT_STEPS; step++) {
    const shift = (low + high) / 2;
    let slope = SHIFT_PENALTY * shift;
    for (let row = 0; row < good.length; row++) {
      slope += (weights[row] ?? 0) * (1 / (1 + Math.exp(-(good[row] ?? 0) - shift)) - (isGood[row] ?? 0));
    }
    if (slope > 0) high = shift;
    else low = shift;
  }
  return (low + high) / 2;
}

/** Golden-section search for the least of a unimodal function between -reach and reach. */
function leastAt(valueAt: (place: number) => number, reach: number): number {
  const shrink = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [-reach, reach];
  let left = high - shrink * (high - low);
  let right = low + shrink * (high - low);
  let [atLeft, atRight] = [valueAt(left), valueAt(right)];
  for (let step = 0; step < TEMPERATURE_STEPS; step++) {
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - shrink * (high - low);
      atLeft = valueAt(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + shrink * (high - low);
      atRight = valueAt(right);
    }
  }
  return (low + high) / 2;
}

import { softmax } from "./calibrate-scores.ts";

/** How logits become calibrated probabilities: softmax(logits / temperature + biases). */
export interface ScoreCalibration {
  readonly temperature: number;
  /** [classes], as logarithms of odds; what they have in common means nothing. */
  readonly biases: readonly number[];
}

/**
 * Weight of half the squared biases beside the mean negative log likelihood. It keeps a class of a few parts, or one that
 * separates by itself, from moving far: 0.003 and 0.03 gave the same on magnetic tiles (docs/models.md).
 */
const BIAS_PENALTY = 0.01;
const NEWTON_STEPS = 30;
/** Golden-section steps over the logarithm of the temperature: to about 1e-8. */
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
 * The temperature and the bias of each class that make held-out probabilities honest where every class is as likely as
 * the others: least negative log likelihood, each class weighing the same (bias-corrected temperature scaling: Alexandari
 * et al. 2020, "Maximum likelihood with bias-corrected calibration is hard-to-beat at label shift adaptation"; the
 * balanced prior: Menon et al. 2021, "Long-tail learning via logit adjustment"), plus a small penalty on the biases. The
 * problem is convex in 1/temperature and the biases. With `fixedBiases` only the temperature is fitted. `logits` are rows
 * [classes] up to a constant each, `truths` class indices; a class without rows gets the mean of the other biases. Biases
 * have the mean 0 and are float32 numbers, like the temperature.
 */
export function fitCalibration(
  logits: readonly Float64Array[],
  truths: readonly number[],
  classCount: number,
  fixedBiases: readonly number[] | null = null,
): ScoreCalibration {
  const rows = classRows(logits, truths, classCount);
  const counts = rows.present.length;
  let biases: Float64Array<ArrayBufferLike> = rows.present.map((index) => fixedBiases?.[index] ?? 0);
  const lossAt = (logTemperature: number): number => {
    const scaled = rows.logits.map((value) => value / Math.exp(logTemperature));
    if (fixedBiases === null) biases = fitBiases(scaled, rows, biases);
    return lossOf(scaled, rows, biases);
  };
  const logTemperature = leastAt(lossAt, Math.log(LARGEST_TEMPERATURE));
  lossAt(logTemperature);
  const temperature = Math.fround(Math.exp(logTemperature));
  if (fixedBiases !== null) return { temperature, biases: fixedBiases };
  const centre = counts === 0 ? 0 : biases.reduce((sum, bias) => sum + bias, 0) / counts;
  const all = new Array<number>(classCount).fill(0);
  rows.present.forEach((index, place) => (all[index] = Math.fround((biases[place] ?? 0) - centre)));
  return { temperature, biases: all };
}

/** Rows of the classes that occur, with the weight of each row; the weights sum to 1. */
interface ClassRows {
  /** Class indices that occur, ascending. */
  readonly present: Float64Array;
  /** [rows, present], row-major. */
  readonly logits: Float64Array;
  /** [rows], place in `present`. */
  readonly truths: Int32Array;
  /** [rows]. */
  readonly weights: Float64Array;
}

function classRows(logits: readonly Float64Array[], truths: readonly number[], classCount: number): ClassRows {
  const counts = new Array<number>(classCount).fill(0);
  for (const truth of truths) counts[truth] = (counts[truth] ?? 0) + 1;
  const present = Float64Array.from([...counts.keys()].filter((index) => (counts[index] ?? 0) > 0));
  const width = present.length;
  const flat = new Float64Array(logits.length * width);
  logits.forEach((row, at) => present.forEach((index, place) => (flat[at * width + place] = row[index] ?? 0)));
  return {
    present,
    logits: flat,
    truths: Int32Array.from(truths, (truth) => present.indexOf(truth)),
    weights: Float64Array.from(truths, (truth) => 1 / (width * (counts[truth] ?? 1))),
  };
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

/** Newton's method with halved steps where a whole one does not help; the penalty makes the problem strictly convex. */
function fitBiases(scaled: Float64Array, rows: ClassRows, start: Float64Array): Float64Array {
  let biases = start;
  let loss = lossOf(scaled, rows, biases);
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const { gradient, curvature } = slopes(scaled, rows, biases);
    const direction = solved(curvature, gradient);
    let pace = 1;
    let next = biases;
    let nextLoss = Infinity;
    for (; pace > 1e-6 && !(nextLoss <= loss); pace /= 2) {
      const size = pace;
      next = biases.map((bias, index) => bias - size * (direction[index] ?? 0));
      nextLoss = lossOf(scaled, rows, next);
    }
    if (!(loss - nextLoss > 1e-13)) return nextLoss < loss ? next : biases;
    [biases, loss] = [next, nextLoss];
  }
  return biases;
}

function lossOf(scaled: Float64Array, { truths, weights }: ClassRows, biases: Float64Array): number {
  const width = biases.length;
  let loss = 0;
  for (let row = 0; row < truths.length; row++) {
    let highest = -Infinity;
    for (let c = 0; c < width; c++) highest = Math.max(highest, (scaled[row * width + c] ?? 0) + (biases[c] ?? 0));
    let total = 0;
    for (let c = 0; c < width; c++) total += Math.exp((scaled[row * width + c] ?? 0) + (biases[c] ?? 0) - highest);
    const truth = truths[row] ?? 0;
    const own = (scaled[row * width + truth] ?? 0) + (biases[truth] ?? 0);
    loss += (weights[row] ?? 0) * (Math.log(total) + highest - own);
  }
  return loss + (BIAS_PENALTY / 2) * biases.reduce((sum, bias) => sum + bias * bias, 0);
}

function slopes(
  scaled: Float64Array,
  { truths, weights }: ClassRows,
  biases: Float64Array,
): { gradient: Float64Array; curvature: Float64Array } {
  const width = biases.length;
  const gradient = biases.map((bias) => BIAS_PENALTY * bias);
  const curvature = new Float64Array(width * width);
  for (let c = 0; c < width; c++) curvature[c * width + c] = BIAS_PENALTY;
  const add = (array: Float64Array, at: number, value: number): void => void (array[at] = (array[at] ?? 0) + value);
  for (let row = 0; row < truths.length; row++) {
    const shares = softmax(
      scaled.subarray(row * width, (row + 1) * width).map((value, c) => value + (biases[c] ?? 0)),
      1,
    );
    const weight = weights[row] ?? 0;
    for (let c = 0; c < width; c++) {
      const share = weight * (shares[c] ?? 0);
      add(gradient, c, share - (truths[row] === c ? weight : 0));
      add(curvature, c * width + c, share);
      for (let other = 0; other < width; other++) add(curvature, c * width + other, -share * (shares[other] ?? 0));
    }
  }
  return { gradient, curvature };
}

/** Solves matrix x = values for a symmetric positive definite matrix [n, n] (Cholesky). */
function solved(matrix: Float64Array, values: Float64Array): Float64Array {
  const n = values.length;
  const lower = new Float64Array(n * n);
  const at = (array: Float64Array, row: number, column: number): number => array[row * n + column] ?? 0;
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = at(matrix, row, column);
      for (let k = 0; k < column; k++) rest -= at(lower, row, k) * at(lower, column, k);
      lower[row * n + column] = row === column ? Math.sqrt(rest) : rest / at(lower, column, column);
    }
  }
  const result = Float64Array.from(values);
  for (let row = 0; row < n; row++) {
    for (let k = 0; k < row; k++) result[row] = (result[row] ?? 0) - at(lower, row, k) * (result[k] ?? 0);
    result[row] = (result[row] ?? 0) / at(lower, row, row);
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let k = row + 1; k < n; k++) result[row] = (result[row] ?? 0) - at(lower, k, row) * (result[k] ?? 0);
    result[row] = (result[row] ?? 0) / at(lower, row, row);
  }
  return result;
}

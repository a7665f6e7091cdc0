import { roundHalfEven } from "./quantization-parameters.ts";

/** Second moments of what a layer's weights are multiplied by: E[x xT] over places and frames, not centred. */
export interface InputMoments {
  /** Weights of one output channel. */
  readonly size: number;
  /** Groups of a convolution; output channels lie group by group. */
  readonly groups: number;
  /** [groups, size, size]. */
  readonly values: Float64Array;
}

/** Added to the diagonal, as a share of its mean: inputs that were always 0 must not make the moments singular. */
const DAMPING = 0.01;
const LEAST = -128;
const MOST = 127;

/**
 * Rounds weights [channels, size], given in steps of their scales, so that the rounding errors cancel on real inputs:
 * one weight after the other is rounded, and those still to come take up the error it makes in the output (GPTQ,
 * Frantar et al. 2023, arXiv 2210.17323, section 3). Rounding each to its nearest neighbour instead leaves, for a filter
 * whose weights sum to about 0, an error in proportion to the brightness of the whole part.
 */
export function roundForInputs(weights: Float64Array, channels: number, moments: InputMoments): Int8Array {
  const { size, groups, values } = moments;
  const rounded = new Int8Array(weights.length);
  const perGroup = channels / groups;
  for (let group = 0; group < groups; group++) {
    const matrix = values.slice(group * size * size, (group + 1) * size * size);
    const compensation = compensationMatrix(matrix, size);
    for (let channel = group * perGroup; channel < (group + 1) * perGroup; channel++) {
      const row = weights.slice(channel * size, (channel + 1) * size);
      rounded.set(roundRow(row, compensation), channel * size);
    }
  }
  return rounded;
}

function roundRow(row: Float64Array, compensation: Float64Array): Int8Array {
  const size = row.length;
  const rounded = new Int8Array(size);
  for (let position = 0; position < size; position++) {
    const wanted = row[position] ?? 0;
    const value = Math.min(MOST, Math.max(LEAST, roundHalfEven(wanted)));
    rounded[position] = value;
    const start = position * size;
    const error = (wanted - value) / (compensation[start + position] ?? 1);
    for (let later = position + 1; later < size; later++) {
      row[later] = (row[later] ?? 0) - error * (compensation[start + later] ?? 0);
    }
  }
  return rounded;
}

/** Upper triangular U with UT U = inverse of the damped moments: the inverse of R where moments = R RT. Row-major. */
function compensationMatrix(moments: Float64Array, size: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += moments[i * size + i] ?? 0;
  const damping = (DAMPING * trace) / size || 1;
  for (let i = 0; i < size; i++) moments[i * size + i] = (moments[i * size + i] ?? 0) + damping;
  return invertUpper(factorFromTheEnd(moments, size), size);
}

/** Upper triangular R with R RT = `matrix`: Cholesky's factorisation begun at the last row. */
function factorFromTheEnd(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size);
  for (let column = size - 1; column >= 0; column--) {
    for (let row = column; row >= 0; row--) {
      let sum = matrix[row * size + column] ?? 0;
      for (let k = column + 1; k < size; k++) {
        sum -= (factor[row * size + k] ?? 0) * (factor[column * size + k] ?? 0);
      }
      const pivot = factor[column * size + column] ?? 1;
      factor[row * size + column] = row === column ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / pivot;
    }
  }
  return factor;
}

function invertUpper(upper: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let row = size - 1; row >= 0; row--) {
    const pivot = upper[row * size + row] ?? 1;
    inverse[row * size + row] = 1 / pivot;
    // Row by row: inverse[row] = -(upper[row, later] * inverse[later]) / pivot, every access along a row.
    for (let later = row + 1; later < size; later++) {
      const weight = (upper[row * size + later] ?? 0) / pivot;
      if (weight === 0) continue;
      for (let column = later; column < size; column++) {
        const at = row * size + column;
        inverse[at] = (inverse[at] ?? 0) - weight * (inverse[later * size + column] ?? 0);
      }
    }
  }
  return inverse;
}

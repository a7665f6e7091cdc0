const ROW_SUM_TOLERANCE = 1e-3;

/** Why outputs cannot be a model's answer, in words, or null: a number that is none, or a row that sums to no 1. */
export function outputProblem(
  outputs: { readonly probabilities: Float32Array; readonly embedding: Float32Array; readonly heatmap: Float32Array },
  classCount: number,
): string | null {
  for (const [name, values] of Object.entries(outputs)) {
    if (!allFinite(values)) return `the output ${name} holds a value that is not a finite number`;
  }
  const { probabilities } = outputs;
  for (let start = 0; start < probabilities.length; start += classCount) {
    let sum = 0;
    for (const probability of probabilities.subarray(start, start + classCount)) {
      if (probability < -ROW_SUM_TOLERANCE) return `the output probabilities holds ${probability}`;
      sum += probability;
    }
    if (Math.abs(sum - 1) > ROW_SUM_TOLERANCE) return `a row of the output probabilities sums to ${sum} instead of 1`;
  }
  return null;
}

function allFinite(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) {
    if (!Number.isFinite(values[at])) return false;
  }
  return true;
}

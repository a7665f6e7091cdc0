import { seededRandom, shuffle } from "../platform/random.ts";
import { stratifiedGroupFolds } from "../statistics/group-folds.ts";
import { auroc } from "./metrics.ts";

export interface EmbeddedItem {
  readonly embedding: Float32Array;
  readonly label: string;
  readonly defective: boolean;
  /** The physical part. */
  readonly group: string;
}

const FOLDS = 5;
/** More say little more and take cubic time. */
const MOST_ITEMS = 800;
/** Ridge penalty as a share of the mean diagonal of the kernel matrix; of 0.02 to 8 the best on tiles and boards. */
const RIDGE_SHARE = 0.5;

/**
 * How well a straight line through the embeddings tells defective from good parts it has not seen: AUROC of a
 * class-weighted ridge regression (dual form; standardised features) whose folds never tear a part apart, on at most
 * 800 items drawn evenly from good and defective. NaN where there are too few parts or only one kind.
 */
export function separationAuroc(items: readonly EmbeddedItem[], seed: number): number {
  const chosen = [...drawn(items, true, seed), ...drawn(items, false, seed)];
  const kinds = chosen.map(({ defective, group }) => ({ label: defective ? "defective" : "good", group }));
  const partCount = (wanted: string): number =>
    new Set(kinds.filter(({ label }) => label === wanted).map(({ group }) => group)).size;
  if (Math.min(partCount("good"), partCount("defective")) < 2) return Number.NaN;
  const foldCount = Math.min(FOLDS, new Set(kinds.map(({ group }) => group)).size);
  const folds = stratifiedGroupFolds(kinds, foldCount, seed);
  const kernel = kernelMatrix(standardised(chosen.map(({ embedding }) => embedding)));
  const scores = new Float64Array(chosen.length);
  for (let fold = 0; fold < foldCount; fold++) {
    const training = [...folds.keys()].filter((item) => folds[item] !== fold);
    const held = [...folds.keys()].filter((item) => folds[item] === fold);
    const weights = ridge(kernel, training, chosen);
    for (const item of held) {
      const row = kernel[item];
      scores[item] = training.reduce((sum, other, at) => sum + (row?.[other] ?? 0) * (weights[at] ?? 0), 0);
    }
  }
  return auroc(
    chosen.map(({ defective, group }, item) => ({ group, defective, ngScore: scores[item] ?? 0, truth: 0, guess: 0 })),
  );
}

function drawn(items: readonly EmbeddedItem[], defective: boolean, seed: number): EmbeddedItem[] {
  const ofKind = items.filter((item) => item.defective === defective);
  return shuffle(ofKind, seededRandom(seed)).slice(0, MOST_ITEMS / 2);
}

/** Every feature with mean 0 and deviation 1; features that never move become 0. */
function standardised(rows: readonly Float32Array[]): readonly Float32Array[] {
  const width = rows[0]?.length ?? 0;
  const mean = new Float64Array(width);
  const square = new Float64Array(width);
  for (const row of rows) {
    for (let at = 0; at < width; at++) {
      const value = row[at] ?? 0;
      mean[at] = (mean[at] ?? 0) + value / rows.length;
      square[at] = (square[at] ?? 0) + (value * value) / rows.length;
    }
  }
  const deviation = square.map((value, at) => Math.sqrt(Math.max(0, value - (mean[at] ?? 0) ** 2)));
  // A feature that hardly moves would otherwise be blown up to noise.
  const floor = 0.1 * (deviation.reduce((sum, value) => sum + value, 0) / width) + 1e-6;
  const factor = deviation.map((value) => 1 / Math.max(value, floor));
  return rows.map((row) => row.map((value, at) => (value - (mean[at] ?? 0)) * (factor[at] ?? 0)));
}

/** Inner products over the width, plus 1 for the constant term. */
function kernelMatrix(rows: readonly Float32Array[]): readonly Float64Array[] {
  const kernel = rows.map(() => new Float64Array(rows.length));
  const width = rows[0]?.length ?? 1;
  for (let first = 0; first < rows.length; first++) {
    for (let second = 0; second <= first; second++) {
      const value = innerProduct(rows[first], rows[second]) / width + 1;
      setAt(kernel, first, second, value);
      setAt(kernel, second, first, value);
    }
  }
  return kernel;
}

function innerProduct(one: Float32Array | undefined, other: Float32Array | undefined): number {
  if (one === undefined || other === undefined) return 0;
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}

function setAt(matrix: readonly Float64Array[], row: number, column: number, value: number): void {
  const target = matrix[row];
  if (target !== undefined) target[column] = value;
}

/** Dual weights of a regression to +1 (defective) and -1 (good), both kinds counting the same. */
function ridge(
  kernel: readonly Float64Array[],
  training: readonly number[],
  items: readonly EmbeddedItem[],
): Float64Array {
  const defectiveCount = training.filter((item) => items[item]?.defective === true).length;
  const meanDiagonal = training.reduce((sum, item) => sum + (kernel[item]?.[item] ?? 0), 0) / training.length;
  const system = training.map((item, row) => {
    const values = Float64Array.from(training, (other) => kernel[item]?.[other] ?? 0);
    const members = items[item]?.defective === true ? defectiveCount : training.length - defectiveCount;
    // A member's penalty grows with the size of its kind: weighted least squares in the dual.
    values[row] = (values[row] ?? 0) + (RIDGE_SHARE * meanDiagonal * members * 2) / training.length;
    return values;
  });
  const targets = Float64Array.from(training, (item) => (items[item]?.defective === true ? 1 : -1));
  return solvePositive(system, targets);
}

/** Solves a symmetric positive definite system in place by Cholesky's factors. */
function solvePositive(matrix: readonly Float64Array[], targets: Float64Array): Float64Array {
  const size = targets.length;
  for (let row = 0; row < size; row++) {
    const current = matrix[row] ?? targets;
    for (let column = 0; column <= row; column++) {
      const other = matrix[column] ?? targets;
      let sum = current[column] ?? 0;
      for (let at = 0; at < column; at++) sum -= (current[at] ?? 0) * (other[at] ?? 0);
      current[column] = column === row ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (other[column] ?? 1);
    }
  }
  const solution = Float64Array.from(targets);
  for (let row = 0; row < size; row++) {
    let sum = solution[row] ?? 0;
    for (let at = 0; at < row; at++) sum -= (matrix[row]?.[at] ?? 0) * (solution[at] ?? 0);
    solution[row] = sum / (matrix[row]?.[row] ?? 1);
  }
  for (let row = size - 1; row >= 0; row--) {
    let sum = solution[row] ?? 0;
    for (let at = row + 1; at < size; at++) sum -= (matrix[at]?.[row] ?? 0) * (solution[at] ?? 0);
    solution[row] = sum / (matrix[row]?.[row] ?? 1);
  }
  return solution;
}

import { seededRandom } from "../platform/random.ts";
import { minimise } from "../statistics/minimise.ts";

/** Softmax regression on embeddings, as they are: the standardisation is folded in. */
export interface LinearClassifier {
  readonly classCount: number;
  readonly size: number;
  /** [classCount, size]. */
  readonly weights: Float64Array;
  /** [classCount]. */
  readonly bias: Float64Array;
}

export interface ClassifierExamples {
  /** All of the same length. */
  readonly embeddings: readonly ArrayLike<number>[];
  /** 0 to classCount - 1. */
  readonly classIndices: ArrayLike<number>;
}

/** L2 penalty on the weights of standardised features, over the mean loss; of 0.001 to 0.3 the most forgiving. */
const PENALTY = 0.02;
const MOST_STEPS = 60;

/**
 * Multinomial logistic regression, every example counting the same; deterministic. Takes milliseconds for hundreds of
 * examples, so that a learning curve of 50 fits takes seconds; the device's own head is trained in training/.
 */
export function fitLinearHead(
  { embeddings, classIndices }: ClassifierExamples,
  classCount: number,
  penalty = PENALTY,
): LinearClassifier {
  const size = embeddings[0]?.length ?? 0;
  const count = embeddings.length;
  const { mean, scale } = standardisation(embeddings, size);
  const inputs = new Float64Array(count * size);
  embeddings.forEach((embedding, row) => {
    for (let at = 0; at < size; at++) {
      inputs[row * size + at] = ((embedding[at] ?? 0) - (mean[at] ?? 0)) * (scale[at] ?? 0);
    }
  });
  const width = size + 1;
  const scores = new Float64Array(classCount);
  const evaluate = (point: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0);
    let loss = 0;
    for (let row = 0; row < count; row++) {
      const start = row * size;
      for (let label = 0; label < classCount; label++) {
        const from = label * width;
        let score = point[from + size] ?? 0;
        for (let at = 0; at < size; at++) score += (point[from + at] ?? 0) * (inputs[start + at] ?? 0);
        scores[label] = score;
      }
      const truth = classIndices[row] ?? 0;
      loss += softmaxInPlace(scores, truth);
      for (let label = 0; label < classCount; label++) {
        const slope = ((scores[label] ?? 0) - (label === truth ? 1 : 0)) / count;
        if (slope === 0) continue;
        const from = label * width;
        for (let at = 0; at < size; at++) {
          gradient[from + at] = (gradient[from + at] ?? 0) + slope * (inputs[start + at] ?? 0);
        }
        gradient[from + size] = (gradient[from + size] ?? 0) + slope;
      }
    }
    loss /= count;
    for (let label = 0; label < classCount; label++) {
      for (let at = label * width; at < label * width + size; at++) {
        const weight = point[at] ?? 0;
        loss += 0.5 * penalty * weight * weight;
        gradient[at] = (gradient[at] ?? 0) + penalty * weight;
      }
    }
    return loss;
  };
  const found = minimise(evaluate, new Float64Array(classCount * width), {
    maxIterations: MOST_STEPS,
    gradientTolerance: 1e-4,
  });
  return foldBack(found, { mean, scale }, classCount, size);
}

/** Probabilities [classCount] of one embedding. */
export function classProbabilities(
  { classCount, size, weights, bias }: LinearClassifier,
  embedding: ArrayLike<number>,
): Float64Array {
  const scores = Float64Array.from(bias);
  for (let label = 0; label < classCount; label++) {
    let score = scores[label] ?? 0;
    for (let at = 0; at < size; at++) score += (weights[label * size + at] ?? 0) * (embedding[at] ?? 0);
    scores[label] = score;
  }
  softmaxInPlace(scores, 0);
  return scores;
}

/** Scores become probabilities; returns minus the log of that of `truth`. */
function softmaxInPlace(scores: Float64Array, truth: number): number {
  let most = -Infinity;
  for (const score of scores) most = Math.max(most, score);
  const own = (scores[truth] ?? 0) - most;
  let sum = 0;
  for (let label = 0; label < scores.length; label++) {
    const power = Math.exp((scores[label] ?? 0) - most);
    scores[label] = power;
    sum += power;
  }
  for (let label = 0; label < scores.length; label++) scores[label] = (scores[label] ?? 0) / sum;
  return Math.log(sum) - own;
}

interface Standardisation {
  readonly mean: Float64Array;
  /** 1 / deviation. */
  readonly scale: Float64Array;
}

function standardisation(embeddings: readonly ArrayLike<number>[], size: number): Standardisation {
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  for (const embedding of embeddings) {
    for (let at = 0; at < size; at++) mean[at] = (mean[at] ?? 0) + (embedding[at] ?? 0) / embeddings.length;
  }
  for (const embedding of embeddings) {
    for (let at = 0; at < size; at++) {
      square[at] = (square[at] ?? 0) + ((embedding[at] ?? 0) - (mean[at] ?? 0)) ** 2 / embeddings.length;
    }
  }
  const deviation = square.map(Math.sqrt);
  // A feature that hardly moves would otherwise be blown up to noise.
  const floor = 0.1 * (deviation.reduce((sum, value) => sum + value, 0) / size) + 1e-9;
  return { mean, scale: deviation.map((value) => 1 / Math.max(value, floor)) };
}

function foldBack(
  found: Float64Array,
  { mean, scale }: Standardisation,
  classCount: number,
  size: number,
): LinearClassifier {
  const weights = new Float64Array(classCount * size);
  const bias = new Float64Array(classCount);
  for (let label = 0; label < classCount; label++) {
    const from = label * (size + 1);
    bias[label] = found[from + size] ?? 0;
    for (let at = 0; at < size; at++) {
      const weight = (found[from + at] ?? 0) * (scale[at] ?? 0);
      weights[label * size + at] = weight;
      bias[label] = (bias[label] ?? 0) - weight * (mean[at] ?? 0);
    }
  }
  return { classCount, size, weights, bias };
}

/**
 * Embeddings of at most `most` numbers, longer ones by a random projection that keeps distances (Achlioptas 2003): for
 * curves and clusters the shape matters, not the last digit.
 */
export function projected(
  embeddings: readonly ArrayLike<number>[],
  most: number,
  seed: number,
): readonly ArrayLike<number>[] {
  const size = embeddings[0]?.length ?? 0;
  if (size <= most) return embeddings;
  const random = seededRandom(seed);
  const signs = Int8Array.from({ length: size * most }, () => (random() < 0.5 ? -1 : 1));
  const scale = 1 / Math.sqrt(most);
  return embeddings.map((embedding) => {
    const shorter = new Float64Array(most);
    for (let at = 0; at < size; at++) {
      const value = (embedding[at] ?? 0) * scale;
      if (value === 0) continue;
      const from = at * most;
      for (let to = 0; to < most; to++) shorter[to] = (shorter[to] ?? 0) + value * (signs[from + to] ?? 0);
    }
    return shorter;
  });
}

import type { Rank, Tensor2D } from "@tensorflow/tfjs";
import { loadTensorFlow, type TensorFlow } from "./tensorflow.ts";
import type { LinearHead } from "./attach-head.ts";

export interface HeadExamples {
  /** One embedding an example. */
  readonly embeddings: readonly Float32Array[];
  readonly classIndices: readonly number[];
}

export interface HeadTrainingOptions {
  readonly classCount: number;
  readonly maxEpochs: number;
  readonly learningRate: number;
  /** L2 penalty on the weights of the standardised embedding; the bias is free. */
  readonly weightDecay: number;
  /** Share of the target spread evenly over all classes, 0-1. */
  readonly labelSmoothing: number;
}

/** Found on the magnetic tiles, split by tile; see docs/models.md. */
export const HEAD_DEFAULTS = { maxEpochs: 100, learningRate: 0.003, weightDecay: 0.05, labelSmoothing: 0.02 } as const;

export interface TrainedHead {
  readonly head: LinearHead;
  /** Class-balanced loss on the validation side after each epoch; empty without one. */
  readonly validationLosses: readonly number[];
}

/**
 * Softmax regression on embeddings: `maxEpochs` full-batch steps of Adam from zero weights (nothing is random, so the
 * same examples give the same bytes), classes weighted to count the same. Embeddings are standardised by the mean and
 * deviation of `fit`; that is folded back, so that the head applies to embeddings as they are.
 */
export async function trainHead(
  fit: HeadExamples,
  validation: HeadExamples | null,
  options: HeadTrainingOptions,
): Promise<TrainedHead> {
  const { tf } = await loadTensorFlow();
  const scaling = standardisation(fit.embeddings);
  const size = scaling.mean.length;
  const weights = tf.variable(tf.zeros<Rank.R2>([size, options.classCount]));
  const bias = tf.variable(tf.zeros<Rank.R1>([options.classCount]));
  const fitBatch = batchOf(tf, fit, scaling, options);
  const validationBatch = validation === null ? null : batchOf(tf, validation, scaling, options);
  const optimizer = tf.train.adam(options.learningRate);
  const lossOf = (batch: Batch) => {
    const logProbabilities = tf.logSoftmax(tf.add(tf.matMul(batch.inputs, weights), bias));
    return tf.neg(tf.sum(tf.mul(batch.weightedTargets, logProbabilities))).asScalar();
  };
  const validationLosses: number[] = [];
  for (let epoch = 0; epoch < options.maxEpochs; epoch++) {
    optimizer.minimize(() =>
      tf.add(lossOf(fitBatch), tf.mul(options.weightDecay, tf.sum(tf.square(weights)))).asScalar(),
    );
    if (validationBatch !== null)
      validationLosses.push(tf.tidy(() => lossOf(validationBatch).dataSync()[0] ?? Infinity));
    // Full batches keep the thread for long; let signals and progress through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const head = foldBack(
    Float32Array.from(await weights.data()),
    Float32Array.from(await bias.data()),
    scaling,
    options.classCount,
  );
  const batches = validationBatch === null ? [fitBatch] : [fitBatch, validationBatch];
  tf.dispose([weights, bias, ...batches.flatMap(({ inputs, weightedTargets }) => [inputs, weightedTargets])]);
  optimizer.dispose();
  return { head, validationLosses };
}

/** Logits [classCount] of one embedding. */
export function headLogits({ weights, bias, classCount }: LinearHead, embedding: Float32Array): Float64Array {
  const logits = Float64Array.from(bias);
  embedding.forEach((value, row) => {
    if (value === 0) return;
    for (let column = 0; column < classCount; column++) {
      logits[column] = (logits[column] ?? 0) + value * (weights[row * classCount + column] ?? 0);
    }
  });
  return logits;
}

interface Standardisation {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

interface Batch {
  readonly inputs: Tensor2D;
  /** Smoothed one-hot targets times the example's weight; all weights sum to 1. */
  readonly weightedTargets: Tensor2D;
}

function standardisation(embeddings: readonly Float32Array[]): Standardisation {
  const size = embeddings[0]?.length ?? 0;
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  for (const embedding of embeddings) {
    for (let index = 0; index < size; index++) {
      const value = embedding[index] ?? 0;
      mean[index] = (mean[index] ?? 0) + value / embeddings.length;
      square[index] = (square[index] ?? 0) + (value * value) / embeddings.length;
    }
  }
  const deviation = square.map((value, index) => Math.sqrt(Math.max(0, value - (mean[index] ?? 0) ** 2)));
  // A feature that hardly moves would otherwise be blown up to noise.
  const floor = 0.1 * (deviation.reduce((total, value) => total + value, 0) / size) + 1e-6;
  return { mean, deviation: deviation.map((value) => Math.max(value, floor)) };
}

function batchOf(
  tf: TensorFlow,
  examples: HeadExamples,
  scaling: Standardisation,
  options: HeadTrainingOptions,
): Batch {
  const { classCount, labelSmoothing } = options;
  const count = examples.embeddings.length;
  const size = scaling.mean.length;
  const perClass = new Float64Array(classCount);
  for (const index of examples.classIndices) perClass[index] = (perClass[index] ?? 0) + 1;
  const presentClasses = perClass.reduce((present, members) => present + (members > 0 ? 1 : 0), 0);
  const inputs = new Float32Array(count * size);
  const targets = new Float32Array(count * classCount);
  examples.embeddings.forEach((embedding, row) => {
    for (let column = 0; column < size; column++) {
      inputs[row * size + column] =
        ((embedding[column] ?? 0) - (scaling.mean[column] ?? 0)) / (scaling.deviation[column] ?? 1);
    }
    const label = examples.classIndices[row] ?? 0;
    const weight = 1 / (presentClasses * (perClass[label] ?? 1));
    for (let column = 0; column < classCount; column++) {
      const target = labelSmoothing / classCount + (column === label ? 1 - labelSmoothing : 0);
      targets[row * classCount + column] = weight * target;
    }
  });
  return { inputs: tf.tensor2d(inputs, [count, size]), weightedTargets: tf.tensor2d(targets, [count, classCount]) };
}

function foldBack(weights: Float32Array, bias: Float32Array, scaling: Standardisation, classCount: number): LinearHead {
  const embeddingSize = scaling.mean.length;
  const folded = new Float32Array(weights.length);
  const shifted = Float64Array.from(bias);
  for (let row = 0; row < embeddingSize; row++) {
    for (let column = 0; column < classCount; column++) {
      const weight = (weights[row * classCount + column] ?? 0) / (scaling.deviation[row] ?? 1);
      folded[row * classCount + column] = weight;
      shifted[column] = (shifted[column] ?? 0) - weight * (scaling.mean[row] ?? 0);
    }
  }
  return { embeddingSize, classCount, weights: folded, bias: Float32Array.from(shifted) };
}

import type { LinearHead } from "./attach-head.ts";
import { type Grouped, stratifiedGroupFolds } from "../statistics/group-folds.ts";
import { type HeadExamples, type HeadTrainingOptions, trainHead } from "./train-head.ts";

/** Folds of the training side that decide when to stop. */
const VALIDATION_FOLDS = 3;

export interface HeadExample extends Grouped {
  readonly classIndex: number;
  readonly embedding: Float32Array;
}

export interface StoppedHead {
  readonly head: LinearHead;
  readonly epochs: number;
}

/**
 * A head on some examples. Early stopping without giving parts away: the epoch with the least validation loss, averaged
 * over part-grouped folds of the examples (one fold alone holds too few defective parts to decide), then a head on all of
 * them trained for that many epochs.
 */
export async function fitHead(
  examples: readonly HeadExample[],
  training: HeadTrainingOptions,
  seed: number,
  onRound: () => void,
): Promise<StoppedHead> {
  const folds = stratifiedGroupFolds(examples, VALIDATION_FOLDS, seed);
  const side = (wanted: (fold: number) => boolean): HeadExamples =>
    columnsOf(examples.filter((_, position) => wanted(folds[position] ?? 0)));
  const losses = new Float64Array(training.maxEpochs);
  for (let fold = 0; fold < VALIDATION_FOLDS; fold++) {
    const { validationLosses } = await trainHead(
      side((other) => other !== fold),
      side((other) => other === fold),
      training,
    );
    validationLosses.forEach((loss, epoch) => (losses[epoch] = (losses[epoch] ?? 0) + loss / VALIDATION_FOLDS));
    onRound();
  }
  const epochs = losses.indexOf(losses.reduce((least, loss) => Math.min(least, loss), Infinity)) + 1;
  const head = await fitHeadFor(epochs, examples, training);
  onRound();
  return { head, epochs };
}

/** A head on some examples, trained for a given number of epochs. */
export async function fitHeadFor(
  epochs: number,
  examples: readonly HeadExample[],
  training: HeadTrainingOptions,
): Promise<LinearHead> {
  const { head } = await trainHead(columnsOf(examples), null, { ...training, maxEpochs: epochs });
  return head;
}

const columnsOf = (examples: readonly HeadExample[]): HeadExamples => ({
  embeddings: examples.map(({ embedding }) => embedding),
  classIndices: examples.map(({ classIndex }) => classIndex),
});

import type { ModelClass } from "../contracts/model-bundle.ts";
import { softmax } from "./calibrate-scores.ts";
import type { LinearHead } from "./attach-head.ts";
import { checkNoLeak, stratifiedGroupFolds } from "./group-folds.ts";
import type { Sample } from "./learning-set.ts";
import type { ScoredFrame } from "./metrics.ts";
import { type HeadExamples, type HeadTrainingOptions, headLogits, trainHead } from "./train-head.ts";

export const FOLD_COUNT = 5;
/** Folds of the training side that decide when to stop. */
const VALIDATION_FOLDS = 3;
/** Heads trained for one head that is kept. */
export const ROUNDS_PER_HEAD = VALIDATION_FOLDS + 1;

export interface EmbeddedSet {
  readonly samples: readonly Sample[];
  readonly embeddings: readonly Float32Array[];
  readonly classes: readonly ModelClass[];
}

export interface CrossValidation {
  /** Fold in which each sample was held out. */
  readonly folds: Int32Array;
  /** Head number k never saw the samples of fold k. */
  readonly heads: readonly StoppedHead[];
}

export interface HeadRun {
  readonly training: HeadTrainingOptions;
  readonly seed: number;
  readonly onRound: () => void;
}

export interface StoppedHead {
  readonly head: LinearHead;
  readonly epochs: number;
}

/** Five heads, each trained without one fold of parts; nobody's part is on both sides. */
export async function crossValidate(set: EmbeddedSet, run: HeadRun): Promise<CrossValidation> {
  const folds = stratifiedGroupFolds(set.samples, FOLD_COUNT, run.seed);
  checkNoLeak(set.samples, folds);
  const heads: StoppedHead[] = [];
  for (let fold = 0; fold < FOLD_COUNT; fold++) heads.push(await trainOn(set, outsideFold(folds, fold), run));
  return { folds, heads };
}

/** The same folds and epochs on other embeddings of the same samples. */
export async function crossValidateAgain(
  set: EmbeddedSet,
  before: CrossValidation,
  run: HeadRun,
): Promise<CrossValidation> {
  const heads: StoppedHead[] = [];
  for (const [fold, { epochs }] of before.heads.entries()) {
    heads.push(await trainFor(epochs, set, outsideFold(before.folds, fold), run));
  }
  return { folds: before.folds, heads };
}

const outsideFold = (folds: Int32Array, fold: number): number[] =>
  [...folds.keys()].filter((index) => folds[index] !== fold);

/**
 * A head on the chosen samples. Early stopping without giving parts away: the epoch with the least validation loss,
 * averaged over part-grouped folds of the chosen samples (one fold alone holds too few defective parts to decide), then
 * a head on all of them trained for that many epochs.
 */
export async function trainOn(set: EmbeddedSet, chosen: readonly number[], run: HeadRun): Promise<StoppedHead> {
  const samples = chosen.flatMap((index) => set.samples[index] ?? []);
  const folds = stratifiedGroupFolds(samples, VALIDATION_FOLDS, run.seed + 1);
  const side = (wanted: (fold: number) => boolean): HeadExamples =>
    examplesOf(
      set,
      chosen.filter((_, position) => wanted(folds[position] ?? 0)),
    );
  const losses = new Float64Array(run.training.maxEpochs);
  for (let fold = 0; fold < VALIDATION_FOLDS; fold++) {
    const { validationLosses } = await trainHead(
      side((other) => other !== fold),
      side((other) => other === fold),
      run.training,
    );
    validationLosses.forEach((loss, epoch) => (losses[epoch] = (losses[epoch] ?? 0) + loss / VALIDATION_FOLDS));
    run.onRound();
  }
  const epochs = losses.indexOf(losses.reduce((least, loss) => Math.min(least, loss), Infinity)) + 1;
  return trainFor(epochs, set, chosen, run);
}

/** A head on the chosen samples, trained for a given number of epochs. */
export async function trainFor(
  epochs: number,
  set: EmbeddedSet,
  chosen: readonly number[],
  run: HeadRun,
): Promise<StoppedHead> {
  const { head } = await trainHead(examplesOf(set, chosen), null, { ...run.training, maxEpochs: epochs });
  run.onRound();
  return { head, epochs };
}

const examplesOf = (set: EmbeddedSet, chosen: readonly number[]): HeadExamples => ({
  embeddings: chosen.flatMap((index) => set.embeddings[index] ?? []),
  classIndices: chosen.map((index) => set.samples[index]?.classIndex ?? 0),
});

/** Logits of every sample from the head that did not see it. */
export const outOfFoldLogits = (
  { heads, folds }: CrossValidation,
  embeddings: readonly Float32Array[],
): Float64Array[] =>
  embeddings.map((embedding, index) => {
    const stopped = heads[folds[index] ?? -1];
    if (stopped === undefined) throw new Error(`sample ${index} has no fold`);
    return headLogits(stopped.head, embedding);
  });

/** NG score = 1 - the sum of the good classes' probabilities. */
export function scoreFrames(
  set: Omit<EmbeddedSet, "embeddings">,
  logits: readonly Float64Array[],
  temperature: number,
): ScoredFrame[] {
  return set.samples.map((sample, index) => {
    const probabilities = softmax(logits[index] ?? new Float64Array(), temperature);
    const good = probabilities.reduce(
      (sum, value, column) => sum + (set.classes[column]?.kind === "good" ? value : 0),
      0,
    );
    return {
      group: sample.group,
      defective: set.classes[sample.classIndex]?.kind === "defect",
      ngScore: Math.min(1, Math.max(0, 1 - good)),
      truth: sample.classIndex,
      guess: probabilities.indexOf(probabilities.reduce((most, value) => Math.max(most, value), 0)),
    };
  });
}

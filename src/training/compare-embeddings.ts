import type { ModelClass } from "../contracts/model-bundle.ts";
import { ngScore, type DecisionRules } from "../pipeline/decide/decide.ts";
import type { LinearHead } from "./attach-head.ts";
import { chooseLimits, softmax } from "./calibrate-scores.ts";
import type { Sample } from "./learning-set.ts";
import type { ScoredFrame } from "./metrics.ts";
import { HEAD_DEFAULTS, headLogits, trainHead } from "./train-head.ts";

/** A classifier on float32 embeddings, to tell what a change of the embeddings does to verdicts. */
export interface Probe {
  readonly head: LinearHead;
  readonly rules: DecisionRules;
}

export async function fitProbe(
  embeddings: readonly Float32Array[],
  samples: readonly Sample[],
  classes: readonly ModelClass[],
): Promise<Probe> {
  const classIndices = samples.map(({ classIndex }) => classIndex);
  const training = { ...HEAD_DEFAULTS, classCount: classes.length };
  const { head } = await trainHead({ embeddings, classIndices }, null, training);
  return { head, rules: chooseLimits(probeFrames(head, embeddings, samples, classes)) };
}

export function probeFrames(
  head: LinearHead,
  embeddings: readonly Float32Array[],
  samples: readonly Sample[],
  classes: readonly ModelClass[],
): ScoredFrame[] {
  return samples.map(({ group, classIndex }, index) => {
    const probabilities = Float32Array.from(softmax(headLogits(head, embeddings[index] ?? new Float32Array()), 1));
    return {
      group,
      defective: classes[classIndex]?.kind === "defect",
      ngScore: ngScore(probabilities, classes),
      truth: classIndex,
      guess: probabilities.indexOf(probabilities.reduce((most, value) => Math.max(most, value), 0)),
    };
  });
}

export interface EmbeddingDistance {
  /** Root mean square of the difference over that of the exact embeddings from their mean over the frames. */
  readonly relative: number;
  /** The same without what every frame is shifted by. */
  readonly withoutShift: number;
}

export function embeddingDistance(exact: readonly Float32Array[], given: readonly Float32Array[]): EmbeddingDistance {
  const count = exact.length;
  let noise = 0;
  let shift = 0;
  let spread = 0;
  for (let feature = 0; feature < (exact[0]?.length ?? 0); feature++) {
    const wanted = exact.map((embedding) => embedding[feature] ?? NaN);
    const differences = wanted.map((value, frame) => (given[frame]?.[feature] ?? NaN) - value);
    const centre = meanOf(wanted);
    spread += wanted.reduce((sum, value) => sum + (value - centre) ** 2, 0);
    noise += differences.reduce((sum, value) => sum + value ** 2, 0);
    shift += count * meanOf(differences) ** 2;
  }
  return { relative: Math.sqrt(noise / spread), withoutShift: Math.sqrt(Math.max(0, noise - shift) / spread) };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

import { expect, test } from "vitest";
import { seededRandom } from "../../src/platform/random.ts";
import { HEAD_DEFAULTS, type HeadExamples, headLogits, trainHead } from "../../src/training/train-head.ts";

const CLASSES = 3;

/** Clouds around one corner for each class, far from the origin and on different scales, few of class 2. */
function clouds(seed: number): HeadExamples {
  const random = seededRandom(seed);
  const classIndices = Array.from({ length: 90 }, (_, index) => (index < 60 ? 0 : index < 84 ? 1 : 2));
  const embeddings = classIndices.map((label) =>
    Float32Array.from(
      { length: 6 },
      (_, axis) => (10 + (axis % CLASSES === label ? 1 : 0) + random() * 0.6) * (axis + 1),
    ),
  );
  return { embeddings, classIndices };
}

const options = { ...HEAD_DEFAULTS, classCount: CLASSES, learningRate: 0.05, weightDecay: 1e-4, maxEpochs: 80 };

test("the head tells classes apart on embeddings as they are, rare ones too", async () => {
  const { head } = await trainHead(clouds(1), null, options);
  const { embeddings, classIndices } = clouds(2);
  const guesses = embeddings.map((embedding) => {
    const logits = headLogits(head, embedding);
    return logits.indexOf(Math.max(...logits));
  });
  expect(guesses).toEqual(classIndices);
});

test("the same examples give the same bytes", async () => {
  const first = await trainHead(clouds(1), clouds(2), options);
  const second = await trainHead(clouds(1), clouds(2), options);
  expect(second).toEqual(first);
  expect(first.validationLosses).toHaveLength(80);
  expect(first.validationLosses[79]).toBeLessThan(first.validationLosses[0] ?? 0);
});

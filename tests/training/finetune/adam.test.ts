import { expect, test } from "vitest";
import { seededRandom } from "../../../src/platform/random.ts";
import { Adam, ADAM_DEFAULTS, type LayerStart } from "../../../src/training/finetune/adam.ts";

const OUTPUTS = 3;
const INPUTS = 6;
const MEANS = Float32Array.of(5, -3, 2, 8, 0.5, -1);
const SPREADS = Float32Array.of(0.1, 0.2, 0.1, 0.3, 0.05, 0.2);

function layer(): LayerStart {
  const random = seededRandom(4);
  const values = Float32Array.from({ length: OUTPUTS * INPUTS }, () => random() - 0.5);
  return {
    weight: { name: "w", dims: [OUTPUTS, INPUTS, 1, 1], values },
    bias: { name: "b", dims: [OUTPUTS], values: new Float32Array(OUTPUTS) },
    groups: 1,
    rate: 1,
    givesLogits: false,
  };
}

const scale = { inputMeans: MEANS, inputSpreads: SPREADS, outputSpreads: Float32Array.of(1, 1, 1) };

function stepBy(adam: Adam, gradientOf: (name: string) => Float32Array, learningRate: number) {
  for (const { name, gradient } of adam.parameters) gradient.set(gradientOf(name));
  return adam.step(learningRate);
}

/** Outputs for the mean input. */
const atMean = (adam: Adam): number[] => {
  const [w, b] = adam.parameters;
  return Array.from({ length: OUTPUTS }, (_, output) =>
    MEANS.reduce((sum, mean, input) => sum + mean * (w?.values[output * INPUTS + input] ?? 0), b?.values[output] ?? 0),
  );
};

test("a step on the weights leaves the output for the mean input where it was", () => {
  const adam = new Adam([layer()], ADAM_DEFAULTS);
  adam.rescale([scale]);
  const before = atMean(adam);
  const weights = adam.parameters[0]?.values.slice() ?? [];
  const gradient = Float32Array.from({ length: OUTPUTS * INPUTS }, (_, index) => Math.sin(index));
  stepBy(adam, (name) => (name === "w" ? gradient : new Float32Array(OUTPUTS)), 0.1);
  expect(adam.parameters[0]?.values).not.toEqual(weights);
  atMean(adam).forEach((value, output) => expect(value).toBeCloseTo(before[output] ?? NaN, 4));
});

test("badly scaled inputs are learnt within a few hundred steps, which raw steps of the same size do not manage", () => {
  const random = seededRandom(9);
  const truth = Float32Array.from({ length: OUTPUTS * INPUTS }, () => 4 * (random() - 0.5));
  const lossAfter = (rescaled: boolean): number => {
    const adam = new Adam([layer()], { ...ADAM_DEFAULTS, weightDecay: 0 });
    if (rescaled) adam.rescale([scale]);
    const start = atMean(adam);
    let loss = 0;
    for (let step = 0; step < 300; step++) {
      const gradients = { w: new Float32Array(OUTPUTS * INPUTS), b: new Float32Array(OUTPUTS) };
      loss = 0;
      for (let sample = 0; sample < 16; sample++) {
        const x = MEANS.map((mean, input) => mean + (SPREADS[input] ?? 0) * 2 * (random() - 0.5));
        for (let output = 0; output < OUTPUTS; output++) {
          const of = (values: ArrayLike<number>): number =>
            x.reduce((sum, value, input) => sum + value * (values[output * INPUTS + input] ?? 0), 0);
          const [w, b] = adam.parameters;
          const wanted =
            (start[output] ?? 0) +
            x.reduce(
              (sum, value, input) => sum + (value - (MEANS[input] ?? 0)) * (truth[output * INPUTS + input] ?? 0),
              0,
            );
          const error = of(w?.values ?? []) + (b?.values[output] ?? 0) - wanted;
          loss += error ** 2 / 16;
          x.forEach((value, input) => {
            const at = output * INPUTS + input;
            gradients.w[at] = (gradients.w[at] ?? 0) + (2 * error * value) / 16;
          });
          gradients.b[output] = (gradients.b[output] ?? 0) + (2 * error) / 16;
        }
      }
      stepBy(adam, (name) => (name === "w" ? gradients.w : gradients.b), 0.03 * (1 - step / 300));
    }
    return loss;
  };
  expect(lossAfter(true)).toBeLessThan(0.1 * lossAfter(false));
});

test("a gradient that is not finite changes nothing and says so", () => {
  const adam = new Adam([layer()], ADAM_DEFAULTS);
  const before = adam.parameters.map(({ values }) => values.slice());
  const gradient = new Float32Array(OUTPUTS * INPUTS).fill(NaN);
  expect(stepBy(adam, (name) => (name === "w" ? gradient : new Float32Array(OUTPUTS)), 0.1).applied).toBe(false);
  expect(adam.parameters.map(({ values }) => values)).toEqual(before);
  expect(adam.stepCount).toBe(0);
});

test("long gradients are cut to the greatest length, which their direction survives", () => {
  const gradient = Float32Array.from({ length: OUTPUTS * INPUTS }, (_, index) => 1000 * Math.cos(index));
  const moves = [1, 1000].map((factor) => {
    const adam = new Adam([layer()], ADAM_DEFAULTS);
    const { norm } = stepBy(
      adam,
      (name) => (name === "w" ? gradient.map((x) => x * factor) : new Float32Array(3)),
      0.01,
    );
    expect(norm).toBeGreaterThan(ADAM_DEFAULTS.maxGradientNorm);
    return adam.parameters[0]?.momentum.slice() ?? new Float32Array();
  });
  expect(Math.hypot(...(moves[0] ?? []))).toBeCloseTo(0.1 * ADAM_DEFAULTS.maxGradientNorm, 3);
  moves[0]?.forEach((value, index) => expect(value).toBeCloseTo(moves[1]?.[index] ?? NaN, 4));
});

test("grouped layers and kernels with tails are moved in every place, like a plain loop moves them", () => {
  const dims = [4, 2, 3, 3];
  const values = Float32Array.from({ length: 72 }, (_, index) => Math.sin(index));
  const grouped: LayerStart = {
    weight: { name: "w", dims, values },
    bias: { name: "b", dims: [4], values: new Float32Array(4) },
    groups: 2,
    rate: 0.5,
    givesLogits: false,
  };
  const settings = { ...ADAM_DEFAULTS, maxGradientNorm: 1e9 };
  const adam = new Adam([grouped], settings);
  const inputMeans = Float32Array.of(1, 2, 3, 4);
  const inputSpreads = Float32Array.of(0.5, 1, 2, 4);
  const outputSpreads = Float32Array.of(1, 2, 3, 4);
  adam.rescale([{ inputMeans, inputSpreads, outputSpreads }]);
  const gradient = values.map((_, index) => Math.cos(index));
  const biasGradient = Float32Array.of(0.1, -0.2, 0.3, -0.4);
  stepBy(adam, (name) => (name === "w" ? gradient : biasGradient), 0.02);
  const pace = 0.02 * 0.5;
  values.forEach((value, index) => {
    const output = Math.floor(index / 18);
    const input = Math.floor(output / 2) * 2 + (Math.floor(index / 9) % 2);
    const slope = (gradient[index] ?? 0) - (inputMeans[input] ?? 0) * (biasGradient[output] ?? 0);
    const size = (outputSpreads[output] ?? 0) / ((inputSpreads[input] ?? 0) * Math.sqrt(18));
    // The first step of Adam has the length of the step size, whatever the gradient's.
    const expected = value - pace * size * Math.sign(slope) - pace * settings.weightDecay * value;
    expect(adam.parameters[0]?.values[index]).toBeCloseTo(expected, 5);
  });
});

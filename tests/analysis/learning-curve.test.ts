import { describe, expect, test } from "vitest";
import { type CurvePoint, forecastCurve, learningCurve } from "../../src/analysis/learning-curve.ts";
import { classProbabilities, fitLinearHead, projected } from "../../src/analysis/linear-head.ts";
import { crossValidatedProbabilities, suspectedLabels } from "../../src/analysis/suspected-labels.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { fitPowerLaw, powerLawAt } from "../../src/statistics/power-law.ts";
import { minimise } from "../../src/statistics/minimise.ts";

const noiseOf = (random: () => number) => (): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Cases of `classes` classes whose embeddings lie `apart` deviations apart. */
function madeCases(
  count: number,
  { classes, size, apart }: { classes: number; size: number; apart: number },
  seed: number,
) {
  const random = seededRandom(seed);
  const noise = noiseOf(random);
  return Array.from({ length: count }, (_, index) => {
    const truth = Math.floor(random() * classes);
    const embedding = Float32Array.from({ length: size }, (_, at) => (at % classes === truth ? apart : 0) + noise());
    return { embedding, label: `class${truth}`, group: `part${index}` };
  });
}

test("the minimiser finds the bottom of Rosenbrock's valley", () => {
  const found = minimise(
    ([x = 0, y = 0], gradient) => {
      gradient[0] = -2 * (1 - x) - 400 * x * (y - x * x);
      gradient[1] = 200 * (y - x * x);
      return (1 - x) ** 2 + 100 * (y - x * x) ** 2;
    },
    Float64Array.of(-1.2, 1),
    { maxIterations: 200, gradientTolerance: 1e-8 },
  );
  expect(found[0]).toBeCloseTo(1, 6);
  expect(found[1]).toBeCloseTo(1, 6);
});

test("a power law is found again, and never goes below its floor", () => {
  const law = { amount: 2, exponent: 0.6, floor: 0.05 };
  const points = [20, 40, 80, 160, 320, 640].map((x) => ({ x, y: powerLawAt(law, x) }));
  const fitted = fitPowerLaw(points);
  expect(fitted.exponent).toBeCloseTo(0.6, 3);
  expect(fitted.floor).toBeCloseTo(0.05, 3);
  const flat = fitPowerLaw(points.map(({ x }) => ({ x, y: 0.1 })));
  expect(flat.amount).toBeCloseTo(0, 9);
  expect(flat.floor).toBeCloseTo(0.1, 9);
  // Rising errors are no law: a constant.
  expect(fitPowerLaw(points.map(({ x }, index) => ({ x, y: 0.1 + index / 100 }))).amount).toBe(0);
});

describe("the linear head", () => {
  test("has the optimum of its loss: the gradient of the log-odds matches a known case", () => {
    // One feature at -1 and +1, 3 of 4 on each side right: log-odds 2 * ln 3 / 2 without penalty.
    const embeddings = [-1, -1, -1, -1, 1, 1, 1, 1].map((value) => [value]);
    const head = fitLinearHead({ embeddings, classIndices: [0, 0, 0, 1, 1, 1, 1, 0] }, 2, 0);
    expect(classProbabilities(head, [1])[1]).toBeCloseTo(0.75, 3);
    expect(classProbabilities(head, [-1])[1]).toBeCloseTo(0.25, 3);
  });

  test("tells apart what lies apart, in milliseconds", () => {
    const cases = madeCases(600, { classes: 3, size: 60, apart: 1 }, 1);
    const started = performance.now();
    const head = fitLinearHead(
      {
        embeddings: cases.map(({ embedding }) => embedding),
        classIndices: cases.map(({ label }) => Number(label.slice(5))),
      },
      3,
    );
    expect(performance.now() - started).toBeLessThan(1500);
    const right = madeCases(300, { classes: 3, size: 60, apart: 1 }, 2).filter(({ embedding, label }) => {
      const probabilities = classProbabilities(head, embedding);
      return probabilities.indexOf(Math.max(...probabilities)) === Number(label.slice(5));
    });
    expect(right.length).toBeGreaterThan(290);
  });

  test("may look at a shorter projection that keeps distances", () => {
    const [one, other] = madeCases(2, { classes: 2, size: 1000, apart: 1 }, 3).map(({ embedding }) => embedding);
    const distance = (a: ArrayLike<number> = [], b: ArrayLike<number> = []): number =>
      Math.sqrt(Array.from(a).reduce((sum, value, at) => sum + (value - (b[at] ?? 0)) ** 2, 0));
    const [short, shorter] = projected([one ?? [], other ?? []], 256, 1);
    expect(short).toHaveLength(256);
    expect(Math.abs(distance(short, shorter) / distance(one, other) - 1)).toBeLessThan(0.2);
  });
});

describe("the learning curve", () => {
  test("falls with the number of parts, has 5 sizes and 10 repetitions, and advises more data", () => {
    const curve = learningCurve(madeCases(1200, { classes: 3, size: 240, apart: 0.3 }, 4), { seed: 2 });
    expect(curve?.points.length).toBeGreaterThanOrEqual(5);
    expect(curve?.points.every(({ repeats }) => repeats.length === 10)).toBe(true);
    const errors = curve?.points.map(({ validationError }) => validationError) ?? [];
    expect(errors.at(-1)).toBeLessThan(0.8 * (errors[0] ?? 0));
    expect(curve?.points.at(-1)?.trainError).toBeLessThan(errors.at(-1) ?? 0);
    expect(curve?.forecast.moreDataHelps).toBe(true);
    expect(curve?.forecast.steps.map(({ factor }) => factor)).toEqual([2, 4]);
  });

  test("advises nothing where more of the same brings nothing", () => {
    // Labels by the toss of a coin: 50 % wrong, however many there are.
    const random = seededRandom(6);
    const cases = madeCases(400, { classes: 2, size: 8, apart: 0 }, 5).map((each) => ({
      ...each,
      label: random() < 0.5 ? "a" : "b",
    }));
    const curve = learningCurve(cases, { seed: 1 });
    expect(curve?.forecast.moreDataHelps).toBe(false);
    expect(curve?.forecast.sentence).toContain("no advice");
  });

  test("is not drawn through too few parts", () => {
    expect(learningCurve(madeCases(20, { classes: 2, size: 4, apart: 1 }, 1), { seed: 1 })).toBeNull();
    expect(learningCurve(madeCases(200, { classes: 1, size: 4, apart: 1 }, 1), { seed: 1 })).toBeNull();
  });

  test("forecasts a gain whose interval covers the true one", () => {
    const random = seededRandom(7);
    const noise = noiseOf(random);
    const sizes = [50, 90, 160, 290, 520, 940];
    let covered = 0;
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      const law = { amount: 0.6 + 0.6 * random(), exponent: 0.3 + 0.4 * random(), floor: 0.05 * random() };
      const points = sizes.map((parts): CurvePoint => {
        const repeats = Array.from({ length: 10 }, () => powerLawAt(law, parts) + 0.01 * noise());
        return { parts, trainError: 0, validationError: 0, repeats };
      });
      const { steps } = forecastCurve(points, { seed: round });
      const truth = powerLawAt(law, 940) - powerLawAt(law, 1880);
      const interval = steps[0]?.gainInterval ?? { low: 1, high: 0 };
      if (interval.low <= truth && truth <= interval.high) covered++;
    }
    expect(covered / rounds).toBeGreaterThan(0.88);
  });
});

test("the forecast of real curves covers what twice the parts would bring", () => {
  // 2.92 points, from 25 trainings each on 301 and on 602 fresh cases, judged on 4,000.
  const truth = 0.0292;
  const covered = Array.from({ length: 25 }, (_, round) => {
    const curve = learningCurve(madeCases(430, { classes: 3, size: 60, apart: 0.45 }, 100 + round), { seed: round });
    const { low, high } = curve?.forecast.steps[0]?.gainInterval ?? { low: 1, high: 0 };
    return low <= truth && truth <= high;
  });
  expect(covered.filter(Boolean).length).toBeGreaterThanOrEqual(20);
});

describe("suspected labels", () => {
  test("are those of the paper's rule in a case done by hand", () => {
    const classes = ["a", "b"];
    const made = (id: string, label: string, a: number) => ({ id, label, probabilities: [a, 1 - a] });
    // Thresholds: a (0.9 + 0.8 + 0.1) / 3 = 0.6; b (0.9 + 0.7) / 2 = 0.8.
    const found = suspectedLabels(
      [made("1", "a", 0.9), made("2", "a", 0.8), made("3", "a", 0.1), made("4", "b", 0.1), made("5", "b", 0.3)],
      classes,
    );
    expect(found.suspects).toEqual([{ id: "3", label: "a", suggested: "b", suspicion: expect.closeTo(0.9, 12) }]);
    expect(found.confidentJoint).toEqual([
      [2, 1],
      [0, 1],
    ]);
    expect(found.estimatedWrong).toBeCloseTo(1, 12);
    expect(found.suspicions[0]).toBeCloseTo(0.1, 12);
  });

  test("of 5 % flipped ones more than half are found, and more than half of the flags are right", () => {
    const cases = madeCases(1000, { classes: 3, size: 30, apart: 1.2 }, 11);
    const random = seededRandom(12);
    const flipped = new Set<string>();
    const noisy = cases.map((each) => {
      if (random() >= 0.05) return each;
      flipped.add(each.group);
      return { ...each, label: `class${(Number(each.label.slice(5)) + 1) % 3}` };
    });
    const classes = ["class0", "class1", "class2"];
    const probabilities = crossValidatedProbabilities(noisy, classes, 1);
    const { suspects, estimatedWrong } = suspectedLabels(
      noisy.map(({ group, label }, index) => ({ id: group, label, probabilities: probabilities[index] ?? [] })),
      classes,
    );
    const right = suspects.filter(({ id }) => flipped.has(id)).length;
    expect(right / suspects.length).toBeGreaterThan(0.5);
    expect(right / flipped.size).toBeGreaterThan(0.65);
    expect(estimatedWrong / flipped.size).toBeGreaterThan(0.6);
    expect(estimatedWrong / flipped.size).toBeLessThan(2);
  });
});

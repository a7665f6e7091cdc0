import { describe, expect, test } from "vitest";
import { encodeModel } from "../../src/onnx/model-file.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { softmax } from "../../src/training/calibrate-scores.ts";
import { calibratedProbabilities, fitCalibration, logitsBehind } from "../../src/training/fit-calibration.ts";
import { calibrationOf, withCalibration, withTemperature } from "../../src/training/model-calibration.ts";
import { attachHead } from "../../src/training/attach-head.ts";
import { deviceGraph, SYMMETRIC_INPUT } from "../../src/training/device-graph.ts";
import { OnnxProcess } from "../../src/training/onnx-process.ts";
import { testPixels, tinyBackbone, tinyHead } from "./tiny-backbone.ts";

/** `counts[truth][row]` copies of the two logits of `rows[row]`. */
function repeated(rows: readonly (readonly number[])[], counts: readonly (readonly number[])[]) {
  const logits: Float64Array[] = [];
  const truths: number[] = [];
  counts.forEach((perRow, truth) =>
    perRow.forEach((count, row) => {
      for (let copy = 0; copy < count; copy++) {
        logits.push(Float64Array.from(rows[row] ?? []));
        truths.push(truth);
      }
    }),
  );
  return { logits, truths };
}

const TWO = ["good", "defect"] as const;
const shiftOf = (biases: readonly number[]): number => biases[0] ?? 0;

describe("the shift of the good classes", () => {
  test("undoes the prior a model was trained with: four good for one defective is a shift of log 4", () => {
    // Where parts look good in 4 of 5 good and 1 of 5 defective cases, a model that saw good parts four times as often
    // says odds of 4 * 4 and of 4 / 4: right where four parts in five are good, and to be shifted by log 4 for a coin's.
    const rows = [
      [Math.log(16), 0],
      [0, 0],
    ];
    const { logits, truths } = repeated(rows, [
      [320, 80],
      [20, 80],
    ]);
    const { temperature, biases } = fitCalibration(logits, truths, TWO);
    expect(temperature).toBeCloseTo(1, 1);
    // A little less by the penalty.
    expect(shiftOf(biases)).toBeLessThan(-Math.log(4) * 0.93);
    expect(shiftOf(biases)).toBeGreaterThan(-Math.log(4));
    expect(biases[1]).toBe(0);
    const score = (row: readonly number[]) => calibratedProbabilities(Float64Array.from(row), { temperature, biases });
    expect(score([Math.log(16), 0])[1]).toBeCloseTo(0.2, 1);
    expect(score([0, 0])[1]).toBeCloseTo(0.8, 1);
  });

  test("is nought for a model that knows the classes as equally likely, whatever the data's shares", () => {
    const { logits, truths } = repeated(
      [
        [Math.log(4), 0],
        [0, Math.log(4)],
      ],
      [
        [800, 200],
        [2, 8],
      ],
    );
    const { temperature, biases } = fitCalibration(logits, truths, TWO);
    expect(temperature).toBeCloseTo(1, 4);
    expect(shiftOf(biases)).toBeCloseTo(0, 5);
  });

  test("and the temperature that were put in are found again, of classes that are equally frequent", () => {
    const random = seededRandom(7);
    const drawn: Float64Array[][] = [[], [], []];
    for (let row = 0; row < 8000; row++) {
      const scaled = Float64Array.from({ length: 3 }, () => 3 * (random() + random() + random() - 1.5));
      const shares = softmax(scaled, 1);
      let [left, truth] = [random(), 0];
      while (truth < 2 && left > (shares[truth] ?? 0)) left -= shares[truth++] ?? 0;
      drawn[truth]?.push(scaled.map((value, index) => 2 * (value - (index === 0 ? 0.8 : 0))));
    }
    const logits = drawn.flat();
    const truths = drawn.flatMap((rows, truth) => rows.map(() => truth));
    const { temperature, biases } = fitCalibration(logits, truths, ["good", "defect", "defect"]);
    expect(Math.abs(temperature - 2)).toBeLessThan(0.1);
    expect(Math.abs(shiftOf(biases) - 0.8)).toBeLessThan(0.1);
    expect(biases.slice(1)).toEqual([0, 0]);
  });

  test("leaves the order of the NG scores as it was", () => {
    const random = seededRandom(3);
    const logits = Array.from({ length: 200 }, () => Float64Array.from({ length: 3 }, () => 8 * random()));
    const scores = (good: number) =>
      logits.map((row) => 1 - (calibratedProbabilities(row, { temperature: 1.3, biases: [good, 0, 0] })[0] ?? 0));
    const order = (values: number[]) => [...values.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
    expect(order(scores(-2))).toEqual(order(scores(0)));
  });

  test("stays small where the kinds separate by themselves, and is kept where there is only one kind", () => {
    const rows = [
      [9, 0, 0],
      [0, 9, 0],
    ];
    const kinds = ["good", "defect", "defect"] as const;
    const apart = repeated(rows, [[10], [0, 10]]);
    expect(Math.abs(shiftOf(fitCalibration(apart.logits, apart.truths, kinds).biases))).toBeLessThan(0.1);
    const alone = repeated(rows, [[10]]);
    expect(fitCalibration(alone.logits, alone.truths, kinds, [-1, 0, 0]).biases).toEqual([-1, 0, 0]);
  });
});

test("logits come back from the probabilities up to a constant", () => {
  const calibration = { temperature: 1.7, biases: [0.4, -0.1, -0.3] };
  const logits = Float64Array.of(1, -2, 0.5);
  const back = logitsBehind(Float32Array.from(calibratedProbabilities(logits, calibration)), calibration);
  back.forEach((value, index) => expect(value - (back[0] ?? 0)).toBeCloseTo((logits[index] ?? 0) - 1, 4));
});

test("a graph gives what the formula gives, keeps its heatmap, and takes another calibration in place of the old", async () => {
  const bare = deviceGraph(tinyBackbone(), { ...SYMMETRIC_INPUT, widthPx: 10, heightPx: 8 });
  const plain = attachHead(bare, tinyHead, 1);
  const calibration = { temperature: 1.5, biases: [0.5, -0.25, -0.25] };
  const changed = withCalibration(plain, calibration);
  expect(calibrationOf(plain, 3)).toEqual({ temperature: 1, biases: [0, 0, 0] });
  expect(calibrationOf(changed, 3)).toEqual(calibration);
  expect(calibrationOf(withTemperature(changed, 3), 3)).toEqual({ ...calibration, temperature: 3 });
  const again = withCalibration(changed, { temperature: 2, biases: [0, 0.5, -0.5] });
  expect(again.graph.node).toHaveLength(changed.graph.node.length);
  const runtime = new OnnxProcess();
  runtime.start();
  try {
    const input = { name: "image", type: "uint8" as const, data: testPixels(1, 10, 8), dims: [1, 8, 10, 3] };
    const outputs = async (model: typeof plain) => {
      await runtime.load(encodeModel(model));
      return runtime.run([input], ["probabilities", "heatmap"]);
    };
    const [before, map] = await outputs(plain);
    const [after, sameMap] = await outputs(changed);
    const logits = logitsBehind(before ?? new Float32Array(), { temperature: 1, biases: [0, 0, 0] });
    calibratedProbabilities(logits, calibration).forEach((value, index) =>
      expect(after?.[index]).toBeCloseTo(value, 5),
    );
    expect(sameMap).toEqual(map);
  } finally {
    await runtime.stop();
  }
});

import { expect } from "vitest";
import { channelBlockProbe, PROBE_CHANNELS } from "../../../src/onnx/blocked-channels.ts";
import { encodeModel, type Model } from "../../../src/onnx/model-file.ts";
import { elementCount, floatData, tensorDims } from "../../../src/onnx/tensor.ts";
import { inferShapes, type Shape } from "../../../src/onnx/tensor-shapes.ts";
import { forwardGraph, gradientOutput, lossOutput, trainingGraph } from "../../../src/onnx/gradient/training-graph.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import type { OnnxProcess, TensorValue } from "../../../src/training/onnx-process.ts";
import { tensorflowGradients } from "./tensorflow-oracle.ts";

/** A network, what is trained in it, and the tensors that carry a loss (class scores along axis 1). */
export interface GradientCase {
  readonly model: Model;
  readonly input: string;
  readonly inputShape: Shape;
  readonly trained: readonly string[];
  readonly losses: readonly string[];
  /** Values of the input; random in [-1, 1) otherwise. */
  readonly inputValues?: Float32Array;
  /** Step of the finite differences: wide where all is smooth, narrow where kinks may be near. */
  readonly step?: number;
  /** Largest difference from finite differences, as a share of the largest gradient of the parameter. */
  readonly tolerance?: number;
}

export type Values = ReadonlyMap<string, Float32Array>;

const TENSORFLOW_TOLERANCE = 5e-6;

/**
 * Compares the gradients of the training graph, run by ONNX Runtime, with TensorFlow.js's (all of them) and with finite
 * differences (some entries and some random directions of every trained tensor).
 */
export async function checkGradients(runtime: OnnxProcess, subject: GradientCase): Promise<void> {
  const { model, input, inputShape, trained, losses } = subject;
  const random = seededRandom(11);
  const forward = forwardGraph(model, subject, losses);
  const shapes = shapesOf(subject, forward);
  const values = new Map<string, Float32Array>([
    [input, subject.inputValues ?? Float32Array.from({ length: elementCount(inputShape) }, () => random() * 2 - 1)],
    ...model.graph.initializer
      .filter(({ name }) => trained.includes(name))
      .map((tensor) => [tensor.name, floatData(tensor)] as const),
  ]);
  const targets = new Map(losses.map((logits) => [logits, softTargets(shapes.get(logits) ?? [], random)]));
  const terms = losses.map((logits) => ({ logits, targets: `targets.${logits}` }));
  const plan = { input, inputShape, trained, losses: terms };
  const feeds = [
    ...feedsOf(subject, values),
    ...terms.map((term) => feed(term.targets, targets.get(term.logits), shapes.get(term.logits))),
  ];
  const names = [...terms.map(lossOutput), ...trained.map(gradientOutput)];
  const expected = await tensorflowGradients(subject, values, targets);
  const check = async (channelBlock: number | null): Promise<readonly Float32Array[]> => {
    await runtime.load(encodeModel(trainingGraph(model, { ...plan, channelBlock })));
    const outputs = await runtime.run(feeds, names);
    const form = channelBlock === null ? "" : `, channels in blocks of ${channelBlock}`;
    trained.forEach((name, index) =>
      expectClose(`${name}${form}`, outputs[terms.length + index], expected.get(name), TENSORFLOW_TOLERANCE),
    );
    return outputs;
  };
  const channelBlock = await channelBlockOf(runtime);
  const blocked = channelBlock === null ? undefined : await check(channelBlock);
  const outputs = await check(null);
  terms.forEach((_, index) => {
    if (blocked !== undefined) expectSameLoss(blocked[index]?.[0], outputs[index]?.[0] ?? NaN);
  });
  const gradients = new Map(trained.map((name, index) => [name, outputs[terms.length + index] ?? new Float32Array()]));

  await runtime.load(encodeModel(forward));
  const lossesAt = async (changed: Values): Promise<number[]> => {
    const scores = await runtime.run(feedsOf(subject, changed), losses);
    return losses.map((logits, index) => crossEntropy(scores[index], targets.get(logits), shapes.get(logits) ?? []));
  };
  const atStart = await lossesAt(values);
  atStart.forEach((loss, index) => expectSameLoss(outputs[index]?.[0], loss));
  const lossAt = async (changed: Values): Promise<number> =>
    (await lossesAt(changed)).reduce((sum, loss) => sum + loss, 0);
  for (const name of trained) {
    await compareWithDifferences(subject, name, gradients.get(name) ?? new Float32Array(), values, lossAt, random);
  }
}

/** Sums of float32: of large ones fewer places are right. */
const expectSameLoss = (got: number | undefined, wanted: number): void =>
  expect(Math.abs((got ?? NaN) - wanted) / Math.max(10, wanted), `loss ${got} for ${wanted}`).toBeLessThan(5e-6);

/** null where this machine's ONNX Runtime has no operators on blocked channels. */
async function channelBlockOf(runtime: OnnxProcess): Promise<number | null> {
  try {
    await runtime.load(encodeModel(channelBlockProbe()));
  } catch {
    return null;
  }
  const dims = [1, PROBE_CHANNELS, 1, 1];
  const [block] = await runtime.run([feed("x", new Float32Array(PROBE_CHANNELS), dims)], ["y"]);
  return block?.length ?? null;
}

/** Five-point central differences: their error falls with the fourth power of the step, so float32 noise stays small. */
async function compareWithDifferences(
  { step = 0.02, tolerance = 1e-3 }: GradientCase,
  name: string,
  gradient: Float32Array,
  values: Values,
  lossAt: (values: Values) => Promise<number>,
  random: () => number,
): Promise<void> {
  const own = values.get(name) ?? new Float32Array();
  const size = own.length;
  const entries = Array.from({ length: Math.min(size, 6) }, () => {
    const chosen = Math.floor(random() * size);
    return Float32Array.from({ length: size }, (_, index) => (index === chosen ? 1 : 0));
  });
  const directions = Array.from({ length: 3 }, () =>
    Float32Array.from({ length: size }, () => (random() < 0.5 ? -1 : 1) / Math.sqrt(size)),
  );
  const largest = Math.max(...gradient.map(Math.abs), 1e-3);
  for (const direction of [...entries, ...directions]) {
    const at = (distance: number): Promise<number> =>
      lossAt(new Map([...values, [name, own.map((value, index) => value + distance * (direction[index] ?? 0))]]));
    const near = (await at(step)) - (await at(-step));
    const far = (await at(2 * step)) - (await at(-2 * step));
    const slope = (8 * near - far) / (12 * step);
    const wanted = gradient.reduce((sum, value, index) => sum + value * (direction[index] ?? 0), 0);
    const norm = Math.max(largest, Math.abs(wanted));
    expect(Math.abs(slope - wanted) / norm, `${name}: slope ${slope}, gradient ${wanted}`).toBeLessThan(tolerance);
  }
}

function expectClose(
  name: string,
  got: Float32Array | undefined,
  wanted: Float32Array | undefined,
  tolerance: number,
): void {
  expect(got?.length, name).toBe(wanted?.length);
  const largest = Math.max(...(wanted ?? []).map(Math.abs), 1e-3);
  const worst = (wanted ?? new Float32Array()).reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (got?.[index] ?? NaN))),
    0,
  );
  expect(largest, `${name} has no gradient to compare`).toBeGreaterThan(1e-3);
  expect(worst / largest, `${name} differs from TensorFlow.js`).toBeLessThan(tolerance);
}

function shapesOf({ model, input, inputShape, trained }: GradientCase, forward: Model): Map<string, Shape> {
  const parameters = model.graph.initializer.filter(({ name }) => trained.includes(name));
  const known = parameters.map((tensor) => [tensor.name, tensorDims(tensor)] as const);
  return inferShapes(forward.graph, new Map<string, Shape>([[input, inputShape], ...known]));
}

const feed = (name: string, data: Float32Array | undefined, dims: Shape | undefined): TensorValue => ({
  name,
  type: "float32",
  data: data ?? new Float32Array(),
  dims: dims ?? [],
});

function feedsOf({ model, input, inputShape, trained }: GradientCase, values: Values): TensorValue[] {
  const dims = new Map(model.graph.initializer.map((tensor) => [tensor.name, tensorDims(tensor)]));
  return [
    feed(input, values.get(input), inputShape),
    ...trained.map((name) => feed(name, values.get(name), dims.get(name))),
  ];
}

/** Positive weights that do not sum to one: soft targets of samples of different weight. */
const softTargets = (shape: Shape, random: () => number): Float32Array =>
  Float32Array.from({ length: elementCount(shape) }, () => random() ** 3);

/** In double precision, from float32 scores. */
function crossEntropy(scores: Float32Array | undefined, targets: Float32Array | undefined, shape: Shape): number {
  const [batch = 0, classes = 0, ...rest] = shape;
  const places = elementCount(rest);
  let loss = 0;
  for (let item = 0; item < batch; item++) {
    for (let place = 0; place < places; place++) {
      const at = (column: number): number => (item * classes + column) * places + place;
      const row = Array.from({ length: classes }, (_, column) => scores?.[at(column)] ?? NaN);
      const highest = Math.max(...row);
      const total = Math.log(row.reduce((sum, score) => sum + Math.exp(score - highest), 0)) + highest;
      row.forEach((score, column) => (loss -= (targets?.[at(column)] ?? 0) * (score - total)));
    }
  }
  return loss;
}

import { expect } from "vitest";
import { encodeModel, type Model } from "../../src/onnx/model-file.ts";
import { elementCount } from "../../src/onnx/tensor.ts";
import { seededRandom } from "../../src/platform/random.ts";
import type { OnnxProcess } from "../../src/training/onnx-process.ts";

export const operatorsOf = ({ graph }: Model): string[] => graph.node.map(({ opType }) => opType);

/** The first output of a model with one float32 input, on random values in [-1, 1). */
export async function resultOf(runtime: OnnxProcess, model: Model, shape: readonly number[]): Promise<Float32Array> {
  const random = seededRandom(21);
  const data = Float32Array.from({ length: elementCount(shape) }, () => random() * 2 - 1);
  await runtime.load(encodeModel(model));
  const name = model.graph.input[0]?.name ?? "";
  const outputs = await runtime.run(
    [{ name, type: "float32", data, dims: shape }],
    [model.graph.output[0]?.name ?? ""],
  );
  return outputs[0] ?? new Float32Array();
}

/** Both models give the same to float32 rounding. */
export async function expectSameResults(
  runtime: OnnxProcess,
  left: Model,
  right: Model,
  shape: readonly number[],
): Promise<void> {
  const wanted = await resultOf(runtime, left, shape);
  const got = await resultOf(runtime, right, shape);
  const largest = Math.max(...wanted.map(Math.abs));
  expect(got.length).toBe(wanted.length);
  expect(largest).toBeGreaterThan(0.01);
  wanted.forEach((value, index) => expect(Math.abs((got[index] ?? NaN) - value) / largest).toBeLessThan(1e-5));
}

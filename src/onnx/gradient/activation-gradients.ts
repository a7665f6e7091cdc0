import { floatAttribute } from "../node.ts";
import type { BackwardStep, GradientRule } from "./gradient-rule.ts";

/**
 * Slope of the HardSigmoid that serves as a step: 0 up to the limit, 1 beyond it. Masks made of floats pass through ONNX
 * Runtime's vectorised kernels, comparisons and Where do not: they took three times as long. A power of two, so that a
 * value at the limit gives exactly 0.
 */
const STEP_SLOPE = 2 ** 100;

/** 1 where the tensor is above `limit`, else 0. */
const stepAbove = ({ writer }: BackwardStep, tensor: string, limit: number): string =>
  writer.node("HardSigmoid", [tensor], { alpha: { float: STEP_SLOPE }, beta: { float: -limit * STEP_SLOPE } });

/** 1 where the tensor is below `limit`, else 0. */
const stepBelow = ({ writer }: BackwardStep, tensor: string, limit: number): string =>
  writer.node("HardSigmoid", [tensor], { alpha: { float: -STEP_SLOPE }, beta: { float: limit * STEP_SLOPE } });

/** dX = dY where the output is above 0: an output of 0 was clipped. */
export const reluGradient: GradientRule = (step) => {
  const open = stepAbove(step, step.node.output[0] ?? "", 0);
  step.give(0, step.writer.node("Mul", [step.outputGradient, open]));
};

/** dX = dY strictly between the limits. Limits are stored scalars; a missing one does not limit. */
export const clipGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const output = node.output[0] ?? "";
  const limit = (position: number): number | undefined => {
    const name = node.input[position] ?? "";
    if (name === "") return undefined;
    const value = step.storedScalar(name);
    if (value === undefined) throw new Error(`node ${node.name} (Clip): its limits are computed, not stored`);
    return value;
  };
  const low = limit(1);
  const high = limit(2);
  const steps = [
    ...(low === undefined ? [] : [stepAbove(step, output, low)]),
    ...(high === undefined ? [] : [stepBelow(step, output, high)]),
  ];
  step.give(
    0,
    steps.reduce((gradient, open) => writer.node("Mul", [gradient, open]), outputGradient),
  );
};

/** dX = dY * y * (1 - y). */
export const sigmoidGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const output = node.output[0] ?? "";
  const slope = writer.node("Mul", [output, writer.node("Sub", [writer.scalar(1), output])]);
  step.give(0, writer.node("Mul", [outputGradient, slope]));
};

/** y = max(0, min(1, alpha * x + beta)): dX = alpha * dY on the slope. */
export const hardSigmoidGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const output = node.output[0] ?? "";
  const onSlope = writer.node("Mul", [stepAbove(step, output, 0), stepBelow(step, output, 1)]);
  const scaled = writer.node("Mul", [outputGradient, writer.scalar(floatAttribute(node, "alpha", 0.2))]);
  step.give(0, writer.node("Mul", [scaled, onSlope]));
};

/** y = x * max(0, min(1, x / 6 + 1/2)): slope x / 3 + 1/2 between -3 and 3, 0 below, 1 above. */
export const hardSwishGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const input = node.input[0] ?? "";
  const aboveLow = stepAbove(step, input, -3);
  const aboveHigh = stepAbove(step, input, 3);
  const onSlope = writer.node("Sub", [aboveLow, aboveHigh]);
  const line = writer.node("Add", [writer.node("Mul", [input, writer.scalar(1 / 3)]), writer.scalar(0.5)]);
  const slope = writer.node("Add", [writer.node("Mul", [line, onSlope]), aboveHigh]);
  step.give(0, writer.node("Mul", [outputGradient, slope]));
};

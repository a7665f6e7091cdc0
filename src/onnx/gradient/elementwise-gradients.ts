import { floatAttribute, intAttribute } from "../node.ts";
import type { Shape } from "../tensor-shapes.ts";
import { axisOf } from "../tensor-shapes.ts";
import { type GradientRule, inputShape, outputShape } from "./gradient-rule.ts";
import type { GraphWriter } from "./graph-writer.ts";

/** Sums a gradient over the axes along which an operand was repeated. */
export function unbroadcast(writer: GraphWriter, gradient: string, from: Shape, to: Shape): string {
  if (from.length === to.length && from.every((size, axis) => size === to[axis])) return gradient;
  const missing = from.length - to.length;
  const axes = from.flatMap((size, axis) => (axis < missing || (to[axis - missing] === 1 && size > 1) ? [axis] : []));
  return writer.reshape(writer.sumOver(gradient, axes), to);
}

export const addGradient: GradientRule = (step) => {
  for (const position of [0, 1]) {
    if (!step.wants(position)) continue;
    step.give(position, unbroadcast(step.writer, step.outputGradient, outputShape(step), inputShape(step, position)));
  }
};

export const mulGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  for (const position of [0, 1]) {
    if (!step.wants(position)) continue;
    const product = writer.node("Mul", [outputGradient, node.input[1 - position] ?? ""]);
    step.give(position, unbroadcast(writer, product, outputShape(step), inputShape(step, position)));
  }
};

export const concatGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  const axis = axisOf(node, 0, outputShape(step).length);
  let start = 0;
  node.input.forEach((_, position) => {
    const end = start + (inputShape(step, position)[axis] ?? 0);
    if (step.wants(position)) step.give(position, writer.slice(outputGradient, [axis], [start], [end]));
    start = end;
  });
};

/** Flatten, Reshape, Identity: the same values in another shape. */
export const reshapeGradient: GradientRule = (step) =>
  step.give(0, step.writer.reshape(step.outputGradient, inputShape(step, 0)));

export const identityGradient: GradientRule = (step) => step.give(0, step.outputGradient);

/** y = alpha * a * b' + beta * c, with b' = b or its transpose. */
export const gemmGradient: GradientRule = (step) => {
  const { node, writer, outputGradient } = step;
  if (intAttribute(node, "transA", 0) !== 0) throw new Error(`node ${node.name} (Gemm): transA is not supported`);
  const transposed = intAttribute(node, "transB", 0) !== 0;
  const [a = "", b = ""] = node.input;
  const alpha = { alpha: { float: floatAttribute(node, "alpha", 1) } };
  if (step.wants(0)) {
    step.give(0, writer.node("Gemm", [outputGradient, b], { ...alpha, transB: { int: transposed ? 0 : 1 } }));
  }
  if (step.wants(1)) {
    const factors = transposed ? [outputGradient, a] : [a, outputGradient];
    step.give(1, writer.node("Gemm", factors, { ...alpha, transA: { int: 1 } }));
  }
  if (node.input.length > 2 && step.wants(2)) {
    const summed = unbroadcast(writer, outputGradient, outputShape(step), inputShape(step, 2));
    const beta = floatAttribute(node, "beta", 1);
    step.give(2, beta === 1 ? summed : writer.node("Mul", [summed, writer.scalar(beta)]));
  }
};

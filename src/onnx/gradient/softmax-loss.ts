import type { GraphWriter } from "./graph-writer.ts";

export interface LossNodes {
  /** Scalar. */
  readonly loss: string;
  /** Gradient by the logits, of their shape. */
  readonly gradient: string;
}

/**
 * Cross entropy of soft targets: loss = -sum(t * log softmax(z)) over everything, softmax over axis 1. `targets` has the
 * logits' shape and carries label smoothing, the weight of each sample or place and the 1/N of the mean; its sum over
 * axis 1 may be 0 where nothing is known. Gradient: softmax(z) * sum(t) - t.
 */
export function softmaxCrossEntropy(writer: GraphWriter, logits: string, targets: string): LossNodes {
  const axis = { axis: { int: 1 } };
  const logProbabilities = writer.node("LogSoftmax", [logits], axis);
  const product = writer.node("Mul", [logProbabilities, targets]);
  const loss = writer.node("Neg", [writer.node("ReduceSum", [product], { keepdims: { int: 0 } })]);
  const weights = writer.node("ReduceSum", [targets, writer.integers([1])], { keepdims: { int: 1 } });
  const expected = writer.node("Mul", [writer.node("Exp", [logProbabilities]), weights]);
  return { loss, gradient: writer.node("Sub", [expected, targets]) };
}

import type { NodeProto } from "../onnx-pb.ts";
import type { Shape } from "../tensor-shapes.ts";
import type { GraphWriter } from "./graph-writer.ts";

/** What a rule may know and do while it writes the backward nodes of one forward node. */
export interface BackwardStep {
  readonly node: NodeProto;
  readonly writer: GraphWriter;
  /** Gradient of the loss by the node's output, of the output's shape. */
  readonly outputGradient: string;
  /** Channels the machine's operators take together, see ../blocked-channels.ts; null where it has none such. */
  readonly channelBlock: number | null;
  /** Static shape of a forward tensor. */
  shapeOf(tensor: string): Shape;
  /** Value of a stored scalar, for limits; undefined where it is not stored. */
  storedScalar(tensor: string): number | undefined;
  /** Whether anything trained lies upstream of the input at this position. */
  wants(position: number): boolean;
  /** Hands over the gradient by the input at this position, of the input's shape. */
  give(position: number, gradient: string): void;
}

/** Writes the nodes that carry a gradient from a node's output to those of its inputs that want one. */
export type GradientRule = (step: BackwardStep) => void;

export const inputShape = (step: BackwardStep, position: number): Shape =>
  step.shapeOf(step.node.input[position] ?? "");

export const outputShape = (step: BackwardStep): Shape => step.shapeOf(step.node.output[0] ?? "");

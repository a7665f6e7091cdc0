import { checkGraph } from "./graph.ts";
import { copyModel, type Model } from "./model-file.ts";
import { makeNode } from "./node.ts";
import { DataType, makeValueInfo } from "./value-info.ts";

export const channelMeanOutput = (tensor: string): string => `${tensor}.channel_mean`;
export const channelSquareOutput = (tensor: string): string => `${tensor}.channel_square`;

/**
 * The model with, as its only outputs, mean and mean square of every channel (axis 1) of the named [N,C,H,W] tensors:
 * [C] each, named by channelMeanOutput and channelSquareOutput.
 */
export function channelStatisticsGraph(model: Model, tensors: readonly string[]): Model {
  const observed = copyModel(model);
  const { graph } = observed;
  const attributes = { axes: { ints: [0, 2, 3] }, keepdims: { int: 0 } };
  graph.output = [];
  for (const tensor of tensors) {
    const squared = `${tensor}.squared`;
    graph.node.push(
      makeNode({
        opType: "ReduceMean",
        name: channelMeanOutput(tensor),
        inputs: [tensor],
        outputs: [channelMeanOutput(tensor)],
        attributes,
      }),
      makeNode({ opType: "Mul", name: squared, inputs: [tensor, tensor], outputs: [squared] }),
      makeNode({
        opType: "ReduceMean",
        name: channelSquareOutput(tensor),
        inputs: [squared],
        outputs: [channelSquareOutput(tensor)],
        attributes,
      }),
    );
    for (const name of [channelMeanOutput(tensor), channelSquareOutput(tensor)])
      graph.output.push(makeValueInfo(name, DataType.FLOAT, ["C"]));
  }
  checkGraph(graph);
  return observed;
}

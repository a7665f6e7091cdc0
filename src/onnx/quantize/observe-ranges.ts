import { checkGraph } from "../graph.ts";
import { copyModel, type Model } from "../model-file.ts";
import { makeNode } from "../node.ts";
import { DataType, makeValueInfo } from "../value-info.ts";
import type { TensorRange } from "./quantization-parameters.ts";

const minOutput = (tensor: string): string => `${tensor}.observed_min`;
const maxOutput = (tensor: string): string => `${tensor}.observed_max`;

/**
 * The model with the least and the greatest value of each named tensor as its only outputs (scalars), so that
 * calibration moves a few numbers a frame instead of whole feature maps.
 */
export function observeRanges(
  model: Model,
  tensors: readonly string[],
): { readonly model: Model; readonly outputs: readonly string[] } {
  const observed = copyModel(model);
  const { graph } = observed;
  graph.output = [];
  for (const tensor of tensors) {
    for (const [opType, output] of [
      ["ReduceMin", minOutput(tensor)],
      ["ReduceMax", maxOutput(tensor)],
    ] as const) {
      graph.node.push(
        makeNode({ opType, name: output, inputs: [tensor], outputs: [output], attributes: { keepdims: { int: 0 } } }),
      );
      graph.output.push(makeValueInfo(output, DataType.FLOAT, []));
    }
  }
  checkGraph(graph);
  return { model: observed, outputs: graph.output.map(({ name }) => name) };
}

/** Widens `ranges` by the outputs of one run of the observed model, in the order of `observeRanges(...).outputs`. */
export function widenRanges(
  ranges: Map<string, TensorRange>,
  tensors: readonly string[],
  outputs: readonly Float32Array[],
): void {
  tensors.forEach((tensor, index) => {
    const min = outputs[2 * index]?.[0] ?? NaN;
    const max = outputs[2 * index + 1]?.[0] ?? NaN;
    const before = ranges.get(tensor);
    ranges.set(tensor, { min: Math.min(min, before?.min ?? min), max: Math.max(max, before?.max ?? max) });
  });
}

import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import type { Model } from "../onnx/model-file.ts";
import { makeNode } from "../onnx/node.ts";
import type { GraphProto } from "../onnx/onnx-pb.ts";
import { floatData, makeTensor, tensorData, tensorDims } from "../onnx/tensor.ts";
import { inferShapes } from "../onnx/tensor-shapes.ts";
import { tensorSignature } from "../onnx/value-info.ts";
import { HEATMAP, LOGITS } from "./model-names.ts";

/**
 * How the places of the last feature map become one image: a class's logit is the mean of its `count` greatest margins
 * over the good classes (top instances of WILDCAT: Durand et al. 2017, "Weakly supervised learning of deep ConvNets for
 * image classification, pointwise localization and segmentation"). In the mean over all places a defect of one drowns.
 */
export interface TopCells {
  readonly count: number;
  /** Of the class indices, those that are good. */
  readonly good: readonly number[];
}

/** Of so many cells, those that count: at least one. */
export const topCellCount = (cells: number, share: number): number => Math.max(1, Math.round(share * cells));

const MARGIN_WEIGHT = "head.margin_weight";
const COUNT = "head.top_count";

/** Adds the nodes that make `head.logits` [N,C] of `heatmap` [N,C,h,w]. */
export function addTopLogits(graph: GraphProto, classCount: number, { count, good }: TopCells): void {
  graph.initializer.push(
    makeTensor(MARGIN_WEIGHT, [classCount, classCount, 1, 1], marginWeights(classCount, good)),
    makeTensor("head.cell_shape", [3], BigInt64Array.of(0n, 0n, -1n)),
    makeTensor(COUNT, [1], BigInt64Array.of(BigInt(count))),
    makeTensor("head.top_shape", [4], BigInt64Array.of(0n, 0n, -1n, 1n)),
  );
  graph.node.push(
    makeNode({
      opType: "Conv",
      name: "head.margin",
      inputs: [HEATMAP, MARGIN_WEIGHT],
      outputs: ["head.margins"],
      attributes: { kernel_shape: { ints: [1, 1] } },
    }),
    makeNode({
      opType: "Reshape",
      name: "head.list_cells",
      inputs: ["head.margins", "head.cell_shape"],
      outputs: ["head.cells"],
    }),
    makeNode({
      opType: "TopK",
      name: "head.choose",
      inputs: ["head.cells", COUNT],
      outputs: ["head.chosen", "head.chosen_places"],
      attributes: { axis: { int: 2 } },
    }),
    makeNode({
      opType: "Reshape",
      name: "head.list_chosen",
      inputs: ["head.chosen", "head.top_shape"],
      outputs: ["head.chosen_map"],
    }),
    makeNode({ opType: "GlobalAveragePool", name: "head.pool", inputs: ["head.chosen_map"], outputs: ["head.pooled"] }),
    makeNode({ opType: "Flatten", name: "head.flatten", inputs: ["head.pooled"], outputs: [LOGITS] }),
  );
}

/** What a graph pools; undefined where its logits are the mean over all places. */
export function topCellsOf({ initializer }: GraphProto): TopCells | undefined {
  const count = initializer.find(({ name }) => name === COUNT);
  const margins = initializer.find(({ name }) => name === MARGIN_WEIGHT);
  if (count === undefined || margins === undefined) return undefined;
  const [classCount = 0] = tensorDims(margins);
  const weights = floatData(margins);
  const isTakenOff = (column: number): boolean =>
    Array.from({ length: classCount }, (_, row) => row).some(
      (row) => row !== column && weights[row * classCount + column] !== 0,
    );
  const good = Array.from({ length: classCount }, (_, column) => column).filter(isTakenOff);
  return { count: Number(tensorData(count)[0]), good };
}

/** The share of the cells a graph's logits are made of, at the input size it has; null where that is all of them. */
export function topShareOf({ graph }: Model): number | null {
  const topCells = topCellsOf(graph);
  const image = graph.input.map(tensorSignature).find((signature) => signature?.name === MODEL_INPUT);
  if (topCells === undefined || image?.shape === undefined) return null;
  const dims = image.shape.map((size) => (typeof size === "number" ? size : 1));
  const [, , rows = 1, columns = 1] = inferShapes(graph, new Map([[MODEL_INPUT, dims]])).get(HEATMAP) ?? [];
  return topCells.count / (rows * columns);
}

/** [classes, classes]: each class less the mean of the good ones. */
function marginWeights(classCount: number, good: readonly number[]): Float32Array {
  const weights = new Float32Array(classCount * classCount);
  for (let row = 0; row < classCount; row++) {
    weights[row * classCount + row] = 1;
    for (const column of good) {
      const at = row * classCount + column;
      weights[at] = (weights[at] ?? 0) - 1 / good.length;
    }
  }
  return weights;
}

import { checkGraph, dropUnusedInitializers, initializerNamed } from "../onnx/graph.ts";
import { copyModel, type Model } from "../onnx/model-file.ts";
import { makeNode } from "../onnx/node.ts";
import type { GraphProto } from "../onnx/onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "../onnx/tensor.ts";
import { DataType, makeValueInfo } from "../onnx/value-info.ts";
import { EMBEDDING, featureMapName, HEAD_PREFIX } from "./device-graph.ts";
import { HEATMAP, LOGITS, MAP_WEIGHT } from "./model-names.ts";
import { addTopLogits, type TopCells, topCellsOf } from "./top-cells.ts";

/** A linear classifier at every place of the last feature map: logits = features * weights + bias, pooled over places. */
export interface LinearHead {
  readonly embeddingSize: number;
  readonly classCount: number;
  /** [embeddingSize, classCount], row-major. */
  readonly weights: Float32Array;
  /** [classCount]. */
  readonly bias: Float32Array;
  /** How places become one image; absent: their mean, so that logits = embedding * weights + bias. */
  readonly topCells?: TopCells;
}

/**
 * Adds the head to a device graph that ends in `embedding`: `probabilities` [N,C] = softmax(logits / temperature), and
 * `heatmap` [N,C,h,w], the class activation map: the same linear map applied at every place of the last feature map.
 * Without `topCells` its spatial mean is the logits (Zhou et al. 2016, "Learning deep features for discriminative
 * localization").
 */
export function attachHead(model: Model, head: LinearHead, temperature: number): Model {
  const withHead = copyModel(model);
  const { graph } = withHead;
  const { embeddingSize, classCount } = head;
  graph.initializer.push(
    makeTensor("head.bias", [classCount], head.bias),
    makeTensor("head.temperature", [], Float32Array.of(temperature)),
    makeTensor(MAP_WEIGHT, [classCount, embeddingSize, 1, 1], transposed(head.weights, classCount)),
  );
  graph.node.push(
    makeNode({
      opType: "Conv",
      name: "head.map",
      inputs: [featureMapName(graph), MAP_WEIGHT, "head.bias"],
      outputs: [HEATMAP],
      attributes: { kernel_shape: { ints: [1, 1] } },
    }),
  );
  if (head.topCells === undefined) addMeanLogits(graph, head);
  else addTopLogits(graph, classCount, head.topCells);
  graph.node.push(
    makeNode({
      opType: "Div",
      name: "head.calibrate",
      inputs: [LOGITS, "head.temperature"],
      outputs: ["head.scaled"],
    }),
    makeNode({
      opType: "Softmax",
      name: "head.softmax",
      inputs: ["head.scaled"],
      outputs: ["probabilities"],
      attributes: { axis: { int: 1 } },
    }),
  );
  graph.output = [
    makeValueInfo("probabilities", DataType.FLOAT, ["N", classCount]),
    makeValueInfo(EMBEDDING, DataType.FLOAT, ["N", embeddingSize]),
    makeValueInfo(HEATMAP, DataType.FLOAT, ["N", classCount, "h", "w"]),
  ];
  checkGraph(graph);
  return withHead;
}

function addMeanLogits(graph: GraphProto, { embeddingSize, classCount, weights }: LinearHead): void {
  graph.initializer.push(makeTensor("head.weight", [embeddingSize, classCount], weights));
  graph.node.push(
    makeNode({
      opType: "Gemm",
      name: "head.gemm",
      inputs: [EMBEDDING, "head.weight", "head.bias"],
      outputs: [LOGITS],
    }),
  );
}

/** The head of a device graph, without its calibration. Throws an Error where the graph has none. */
export function headOf({ graph }: Model): LinearHead {
  const weight = initializerNamed(graph, MAP_WEIGHT);
  const [classCount = 0, embeddingSize = 0] = tensorDims(weight);
  const topCells = topCellsOf(graph);
  return {
    embeddingSize,
    classCount,
    weights: transposed(floatData(weight), embeddingSize),
    bias: floatData(initializerNamed(graph, "head.bias")),
    ...(topCells === undefined ? {} : { topCells }),
  };
}

/** The device graph without its head, ending in `embedding`: what a new head is trained on. */
export function detachHead(model: Model): Model {
  const bare = copyModel(model);
  bare.graph.node = bare.graph.node.filter(({ name }) => !name.startsWith(HEAD_PREFIX));
  bare.graph.output = bare.graph.output.filter(({ name }) => name === EMBEDDING);
  if (bare.graph.output.length !== 1) throw new Error(`the graph has no output ${EMBEDDING}`);
  dropUnusedInitializers(bare.graph);
  checkGraph(bare.graph);
  return bare;
}

/** A row-major matrix of so many columns, turned. */
export function transposed(matrix: Float32Array, columns: number): Float32Array {
  const rows = matrix.length / columns;
  return Float32Array.from(matrix, (_, index) => matrix[(index % rows) * columns + Math.floor(index / rows)] ?? 0);
}

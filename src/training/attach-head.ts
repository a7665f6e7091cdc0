import { checkGraph, dropUnusedInitializers, initializerNamed } from "../onnx/graph.ts";
import { copyModel, type Model } from "../onnx/model-file.ts";
import { makeNode } from "../onnx/node.ts";
import { floatData, makeTensor, tensorDims } from "../onnx/tensor.ts";
import { DataType, makeValueInfo } from "../onnx/value-info.ts";
import { EMBEDDING, featureMapName, HEAD_PREFIX } from "./device-graph.ts";

/** A linear classifier on embeddings: logits = embedding * weights + bias. */
export interface LinearHead {
  readonly embeddingSize: number;
  readonly classCount: number;
  /** [embeddingSize, classCount], row-major. */
  readonly weights: Float32Array;
  /** [classCount]. */
  readonly bias: Float32Array;
}

/**
 * Adds the head to a device graph that ends in `embedding`: `probabilities` [N,C] = softmax(logits / temperature), and
 * `heatmap` [N,C,h,w], the class activation map: the same linear map applied at every place of the last feature map,
 * so that its spatial mean is the logits (Zhou et al. 2016, "Learning deep features for discriminative localization").
 */
export function attachHead(model: Model, head: LinearHead, temperature: number): Model {
  const withHead = copyModel(model);
  const { graph } = withHead;
  const { embeddingSize, classCount } = head;
  graph.initializer.push(
    makeTensor("head.weight", [embeddingSize, classCount], head.weights),
    makeTensor("head.bias", [classCount], head.bias),
    makeTensor("head.temperature", [], Float32Array.of(temperature)),
    makeTensor("head.map_weight", [classCount, embeddingSize, 1, 1], transposed(head)),
  );
  graph.node.push(
    makeNode({
      opType: "Gemm",
      name: "head.gemm",
      inputs: [EMBEDDING, "head.weight", "head.bias"],
      outputs: ["head.logits"],
    }),
    makeNode({
      opType: "Div",
      name: "head.calibrate",
      inputs: ["head.logits", "head.temperature"],
      outputs: ["head.scaled"],
    }),
    makeNode({
      opType: "Softmax",
      name: "head.softmax",
      inputs: ["head.scaled"],
      outputs: ["probabilities"],
      attributes: { axis: { int: 1 } },
    }),
    makeNode({
      opType: "Conv",
      name: "head.map",
      inputs: [featureMapName(graph), "head.map_weight", "head.bias"],
      outputs: ["heatmap"],
      attributes: { kernel_shape: { ints: [1, 1] } },
    }),
  );
  graph.output = [
    makeValueInfo("probabilities", DataType.FLOAT, ["N", classCount]),
    makeValueInfo(EMBEDDING, DataType.FLOAT, ["N", embeddingSize]),
    makeValueInfo("heatmap", DataType.FLOAT, ["N", classCount, "h", "w"]),
  ];
  checkGraph(graph);
  return withHead;
}

/** The head of a device graph, without its calibration. Throws an Error where the graph has none. */
export function headOf({ graph }: Model): LinearHead {
  const weight = initializerNamed(graph, "head.weight");
  const [embeddingSize = 0, classCount = 0] = tensorDims(weight);
  return {
    embeddingSize,
    classCount,
    weights: floatData(weight),
    bias: floatData(initializerNamed(graph, "head.bias")),
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

function transposed({ weights, embeddingSize, classCount }: LinearHead): Float32Array {
  const result = new Float32Array(weights.length);
  for (let row = 0; row < embeddingSize; row++) {
    for (let column = 0; column < classCount; column++) {
      result[column * embeddingSize + row] = weights[row * classCount + column] ?? 0;
    }
  }
  return result;
}

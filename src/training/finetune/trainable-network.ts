import { initializerNamed, replaceInitializer } from "../../onnx/graph.ts";
import { copyModel, type Model } from "../../onnx/model-file.ts";
import { makeNode } from "../../onnx/node.ts";
import { floatData, makeTensor, tensorDims } from "../../onnx/tensor.ts";
import { DataType, makeValueInfo } from "../../onnx/value-info.ts";
import { attachHead, type LinearHead } from "../attach-head.ts";

/** Class scores of every place of the last feature map, [N,C,h,w]: the device graph's own `heatmap`. */
export const CELL_LOGITS = "heatmap";
/** Their mean over places, [N,C]: what the head's Gemm gives for the mean embedding. */
export const IMAGE_LOGITS = "training.logits";
export const HEAD_PARAMETERS = ["head.map_weight", "head.bias"] as const;

/**
 * The device graph with its head in the form that trains: one 1x1 convolution gives class scores at every place, their
 * mean is the image's scores. Equal to the head on the pooled embedding (both are linear), but with one weight tensor
 * instead of two that would have to stay equal.
 */
export function trainableNetwork(backbone: Model, head: LinearHead): Model {
  const network = attachHead(backbone, head, 1);
  const { graph } = network;
  graph.node.push(
    makeNode({
      opType: "GlobalAveragePool",
      name: "training.pool",
      inputs: [CELL_LOGITS],
      outputs: ["training.pooled"],
    }),
    makeNode({ opType: "Flatten", name: "training.flatten", inputs: ["training.pooled"], outputs: [IMAGE_LOGITS] }),
  );
  graph.output.push(makeValueInfo(IMAGE_LOGITS, DataType.FLOAT, ["N", head.classCount]));
  return network;
}

/** The backbone with trained weights put back into the same nodes, and the head as it left the training. */
export function withTrainedWeights(
  backbone: Model,
  head: LinearHead,
  trained: ReadonlyMap<string, Float32Array>,
): { readonly backbone: Model; readonly head: LinearHead } {
  const result = copyModel(backbone);
  for (const [name, values] of trained) {
    if ((HEAD_PARAMETERS as readonly string[]).includes(name)) continue;
    const dims = tensorDims(initializerNamed(result.graph, name));
    replaceInitializer(result.graph, makeTensor(name, dims, values));
  }
  const map = trained.get("head.map_weight");
  return {
    backbone: result,
    head: {
      ...head,
      weights: map === undefined ? head.weights : transposed(map, head),
      bias: trained.get("head.bias") ?? head.bias,
    },
  };
}

/** [classes, embedding] to [embedding, classes]. */
function transposed(map: Float32Array, { embeddingSize, classCount }: LinearHead): Float32Array {
  return Float32Array.from({ length: map.length }, (_, index) => {
    const column = index % classCount;
    return map[column * embeddingSize + (index - column) / classCount] ?? 0;
  });
}

/** Present values of named initializers. */
export const initializerValues = (model: Model, name: string): { dims: readonly number[]; values: Float32Array } => {
  const tensor = initializerNamed(model.graph, name);
  return { dims: tensorDims(tensor), values: floatData(tensor) };
};

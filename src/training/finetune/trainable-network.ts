import { initializerNamed, replaceInitializer } from "../../onnx/graph.ts";
import { copyModel, type Model } from "../../onnx/model-file.ts";
import { makeNode } from "../../onnx/node.ts";
import { floatData, makeTensor, tensorDims } from "../../onnx/tensor.ts";
import { DataType, makeValueInfo } from "../../onnx/value-info.ts";
import { attachHead, type LinearHead, transposed } from "../attach-head.ts";
import { HEATMAP, LOGITS, MAP_WEIGHT } from "../model-names.ts";

/** Class scores of the image, [N,C]: what the device's head gives. */
export const IMAGE_LOGITS = "training.logits";
export const HEAD_PARAMETERS = [MAP_WEIGHT, "head.bias"] as const;

/**
 * The device graph with its head in the form that trains: one 1x1 convolution gives class scores at every place, and the
 * image's scores are made of those. Where they are the mean, this equals the head on the pooled embedding (both are linear),
 * but with one weight tensor instead of two that would have to stay equal.
 */
export function trainableNetwork(backbone: Model, head: LinearHead): Model {
  const network = attachHead(backbone, head, 1);
  const { graph } = network;
  if (head.topCells === undefined) {
    graph.node.push(
      makeNode({ opType: "GlobalAveragePool", name: "training.pool", inputs: [HEATMAP], outputs: ["training.pooled"] }),
      makeNode({ opType: "Flatten", name: "training.flatten", inputs: ["training.pooled"], outputs: [IMAGE_LOGITS] }),
    );
  } else {
    graph.node.push(
      makeNode({ opType: "Identity", name: "training.identity", inputs: [LOGITS], outputs: [IMAGE_LOGITS] }),
    );
  }
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
  const map = trained.get(MAP_WEIGHT);
  return {
    backbone: result,
    head: {
      ...head,
      weights: map === undefined ? head.weights : transposed(map, head.embeddingSize),
      bias: trained.get("head.bias") ?? head.bias,
    },
  };
}

/** Present values of named initializers. */
export const initializerValues = (model: Model, name: string): { dims: readonly number[]; values: Float32Array } => {
  const tensor = initializerNamed(model.graph, name);
  return { dims: tensorDims(tensor), values: floatData(tensor) };
};

import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { SightlineError } from "../contracts/errors.ts";
import { checkGraph, dropUnusedInitializers, indexGraph, replaceInitializer } from "../onnx/graph.ts";
import { copyModel, type Model } from "../onnx/model-file.ts";
import { intAttribute, makeNode } from "../onnx/node.ts";
import type { GraphProto } from "../onnx/onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "../onnx/tensor.ts";
import { inferShapes } from "../onnx/tensor-shapes.ts";
import { DataType, makeValueInfo } from "../onnx/value-info.ts";
import { channelValues, type InputNormalisation } from "./input-normalisation.ts";
import { EMBEDDING } from "./model-names.ts";
import { type PreparedBase, prepareBase } from "./prepare-base.ts";

export { SYMMETRIC_INPUT } from "./input-normalisation.ts";
export { EMBEDDING, HEAD_PREFIX, INPUT_PREFIX } from "./model-names.ts";

export interface InputStage extends InputNormalisation {
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * From a backbone (see prepare-base.ts for what it may be) to a graph that takes pixels: input `image` uint8 [N,H,W,3],
 * output `embedding` float32 [N,D]. Throws SightlineError DATA_INVALID or an Error when the backbone does not fit.
 */
export const deviceGraph = (backbone: Model, stage: InputStage): Model =>
  foldInputScale(withInputStage(prepareBase(backbone), stage));

/** Transpose, Cast, Sub(mean) and Mul(scale) before a prepared base. */
export function withInputStage(base: PreparedBase, stage: InputStage): Model {
  const model = copyModel(base.model);
  const { graph } = model;
  const constant = (name: string, values: number | readonly number[]): string => {
    const data = channelValues(values);
    graph.initializer.push(makeTensor(name, data.length === 1 ? [] : [1, 3, 1, 1], data));
    return name;
  };
  const mean = constant("input.mean", stage.mean);
  const scale = constant("input.scale", stage.scale);
  graph.node.unshift(
    makeNode({
      opType: "Transpose",
      name: "input.transpose",
      inputs: [MODEL_INPUT],
      outputs: ["input.planes"],
      attributes: { perm: { ints: [0, 3, 1, 2] } },
    }),
    makeNode({
      opType: "Cast",
      name: "input.cast",
      inputs: ["input.planes"],
      outputs: ["input.float"],
      attributes: { to: { int: DataType.FLOAT } },
    }),
    makeNode({ opType: "Sub", name: "input.center", inputs: ["input.float", mean], outputs: ["input.centered"] }),
    makeNode({ opType: "Mul", name: "input.rescale", inputs: ["input.centered", scale], outputs: [base.input] }),
  );
  graph.input = [makeValueInfo(MODEL_INPUT, DataType.UINT8, ["N", stage.heightPx, stage.widthPx, 3])];
  graph.output = [makeValueInfo(EMBEDDING, DataType.FLOAT, ["N", embeddingSize(graph, stage)])];
  checkGraph(graph);
  return model;
}

function embeddingSize(graph: GraphProto, { widthPx, heightPx }: InputStage): number {
  const shapes = inferShapes(graph, new Map([[MODEL_INPUT, [1, heightPx, widthPx, 3]]]));
  const map = shapes.get(featureMapName(graph)) ?? [];
  if (map.length === 4) return map[1] ?? 0;
  const advice = "it must end in an embedding [N,D] pooled from a map, or in that map [N,D,h,w]";
  throw new SightlineError("DATA_INVALID", `the backbone ends in [${["N", ...map.slice(1)].join(",")}]; ${advice}`);
}

/**
 * The same device graph with the scale of its input in the weights of its first convolutions, where only convolutions
 * read it. The mean is not folded: those pad with zeros, and a zero is only the mean colour while the mean is taken off
 * first. Weights get small by it: a network whose first layer is still to be trained is folded afterwards.
 */
export function foldInputScale(model: Model): Model {
  const folded = copyModel(model);
  const { graph } = folded;
  const { consumersOf, initializers } = indexGraph(graph);
  const rescale = graph.node.find(({ name }) => name === "input.rescale");
  if (rescale === undefined) return folded;
  const scale = initializers.get(rescale.input[1] ?? "");
  const readers = consumersOf.get(rescale.output[0] ?? "") ?? [];
  const weights = readers.map(({ opType, input }) =>
    opType === "Conv" ? initializers.get(input[1] ?? "") : undefined,
  );
  const isFoldable = readers.every(
    (node, index) => intAttribute(node, "group", 1) === 1 && consumersOf.get(weights[index]?.name ?? "")?.length === 1,
  );
  if (scale === undefined || !isFoldable || readers.length === 0) return folded;
  const scales = floatData(scale);
  for (const weight of weights) {
    if (weight === undefined) continue;
    const [, channels = 1, height = 1, width = 1] = tensorDims(weight);
    const scaled = floatData(weight).map((value, index) => {
      const channel = Math.floor(index / (height * width)) % channels;
      return value * (scales[scales.length === 1 ? 0 : channel] ?? 1);
    });
    replaceInitializer(graph, makeTensor(weight.name, tensorDims(weight), scaled));
  }
  const [output = ""] = rescale.output;
  graph.node = graph.node.filter((node) => node !== rescale);
  for (const node of graph.node) if (node.name === "input.center") node.output = [output];
  dropUnusedInitializers(graph);
  checkGraph(graph);
  return folded;
}

/** Gives a device graph another input size; throws when it is not one. */
export function resizeInput(model: Model, widthPx: number, heightPx: number): Model {
  const resized = copyModel(model);
  if (resized.graph.input.length !== 1 || resized.graph.input[0]?.name !== MODEL_INPUT) {
    throw new Error(`the graph does not take pixels: it has no input ${MODEL_INPUT}`);
  }
  resized.graph.input = [makeValueInfo(MODEL_INPUT, DataType.UINT8, ["N", heightPx, widthPx, 3])];
  return resized;
}

/** The tensor [N,D,h,w] whose spatial mean is the embedding. */
export function featureMapName(graph: GraphProto): string {
  const { producerOf } = indexGraph(graph);
  let node = producerOf.get(EMBEDDING);
  while (node !== undefined && ["Flatten", "Reshape", "Squeeze"].includes(node.opType)) {
    node = producerOf.get(node.input[0] ?? "");
  }
  const name = node?.opType === "GlobalAveragePool" ? node.input[0] : undefined;
  if (name === undefined)
    throw new Error("the backbone's embedding must be a GlobalAveragePool of its last feature map");
  return name;
}

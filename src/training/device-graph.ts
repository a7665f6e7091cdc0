import { MODEL_INPUT } from "../contracts/model-bundle.ts";
import { checkGraph, indexGraph, replaceInitializer } from "../onnx/graph.ts";
import { copyModel, type Model } from "../onnx/model-file.ts";
import { makeNode } from "../onnx/node.ts";
import type { GraphProto, NodeProto } from "../onnx/onnx-pb.ts";
import { floatData, makeTensor, tensorDims } from "../onnx/tensor.ts";
import { DataType, makeValueInfo, tensorSignature } from "../onnx/value-info.ts";

export const EMBEDDING = "embedding";
/** Every node and tensor of the input stage and of the head starts with these. */
export const INPUT_PREFIX = "input.";
export const HEAD_PREFIX = "head.";

export interface InputStage {
  readonly widthPx: number;
  readonly heightPx: number;
  /** The backbone expects (pixel - mean) * scale, pixel in 0..255. */
  readonly mean: number;
  readonly scale: number;
}

/** MobileNet and its kin: pixels mapped to [-1, 1]. */
export const SYMMETRIC_INPUT = { mean: 127.5, scale: 1 / 127.5 } as const;

/**
 * From a backbone (one float32 input [N,3,H,W], outputs a [N,D] embedding) to a graph that takes pixels: input `image`
 * uint8 [N,H,W,3], output `embedding` float32 [N,D]. Transpose, Cast and Sub(mean) go before the backbone. The scale
 * is folded into the first convolutions; the shift is not, because those pad with zeros, and a zero is only the mean
 * colour while the mean is taken off first. Throws an Error when the backbone does not fit.
 */
export function deviceGraph(backbone: Model, stage: InputStage): Model {
  const model = copyModel(backbone);
  const { graph } = model;
  const input = graph.input.map(tensorSignature).find((signature) => signature !== undefined);
  if (graph.input.length !== 1 || input?.dataType !== DataType.FLOAT || input.shape?.length !== 4) {
    throw new Error("the backbone must have one float32 input [N,3,H,W]");
  }
  nameEmbedding(graph);
  const folded = foldScale(graph, input.name, stage.scale);
  graph.node.unshift(...inputNodes(input.name, folded));
  graph.initializer.push(makeTensor("input.mean", [], Float32Array.of(stage.mean)));
  if (!folded) graph.initializer.push(makeTensor("input.scale", [], Float32Array.of(stage.scale)));
  graph.input = [makeValueInfo(MODEL_INPUT, DataType.UINT8, ["N", stage.heightPx, stage.widthPx, 3])];
  graph.output = graph.output.filter(({ name }) => name === EMBEDDING);
  graph.valueInfo = [];
  checkGraph(graph);
  return model;
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

function inputNodes(backboneInput: string, scaleIsFolded: boolean): NodeProto[] {
  const centered = scaleIsFolded ? backboneInput : "input.centered";
  const nodes = [
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
    makeNode({ opType: "Sub", name: "input.center", inputs: ["input.float", "input.mean"], outputs: [centered] }),
  ];
  if (!scaleIsFolded) {
    nodes.push(
      makeNode({ opType: "Mul", name: "input.rescale", inputs: [centered, "input.scale"], outputs: [backboneInput] }),
    );
  }
  return nodes;
}

function foldScale(graph: GraphProto, inputName: string, scale: number): boolean {
  const index = indexGraph(graph);
  const readers = index.consumersOf.get(inputName) ?? [];
  const weights = readers.map((node) =>
    node.opType === "Conv" ? index.initializers.get(node.input[1] ?? "") : undefined,
  );
  const foldable = weights.every((weight) => weight !== undefined && index.consumersOf.get(weight.name)?.length === 1);
  if (!foldable || readers.length === 0) return false;
  for (const weight of weights) {
    if (weight === undefined) continue;
    const scaled = floatData(weight).map((value) => value * scale);
    replaceInitializer(graph, makeTensor(weight.name, tensorDims(weight), scaled));
  }
  return true;
}

function nameEmbedding(graph: GraphProto): void {
  const embedding = graph.output
    .map(tensorSignature)
    .find((signature) => signature?.name === EMBEDDING || signature?.shape?.length === 2);
  if (embedding === undefined) throw new Error("the backbone must output its embedding [N,D]");
  if (embedding.name === EMBEDDING) return;
  const renamed = (name: string): string => (name === embedding.name ? EMBEDDING : name);
  for (const node of graph.node) {
    node.input = node.input.map(renamed);
    node.output = node.output.map(renamed);
  }
  for (const output of graph.output) output.name = renamed(output.name);
}

import { SightlineError } from "../contracts/errors.ts";
import { segmentsBetween } from "../onnx/articulations.ts";
import { foldBatchNorm } from "../onnx/fold-batch-norm.ts";
import { dropUnusedInitializers, indexGraph } from "../onnx/graph.ts";
import type { Model } from "../onnx/model-file.ts";
import { makeNode } from "../onnx/node.ts";
import type { GraphProto } from "../onnx/onnx-pb.ts";
import { mergePads } from "../onnx/merge-pads.ts";
import { poolMeans } from "../onnx/pool-means.ts";
import { raiseOpset } from "../onnx/raise-opset.ts";
import { storeConstants } from "../onnx/store-constants.ts";
import { DataType, type Dimension, makeValueInfo, tensorSignature } from "../onnx/value-info.ts";
import { freeBatchOfReshape, requireBaseOperators, requireStoredWeights } from "./base-operators.ts";
import { baseName, EMBEDDING } from "./model-names.ts";

/** A network in the one form everything here works on. */
export interface PreparedBase {
  /** Of BASE_OPERATORS without those that are folded, opset 13 or later, with one output `embedding` [N,D]. */
  readonly model: Model;
  /** Its float32 input [N,3,H,W]. */
  readonly input: string;
  /** The size it was exported for; undefined where it takes any. */
  readonly exportedFor: { readonly widthPx: number; readonly heightPx: number } | undefined;
}

/**
 * Brings a convolutional network as frameworks export it into one form. A classifier is cut at its last
 * GlobalAveragePool, a network that ends in a feature map [N,D,h,w] gets one: `embedding` is the map's mean. Throws
 * SightlineError DATA_INVALID or an Error, with a sentence that names the node, where the network is of another kind.
 */
export function prepareBase(exported: Model): PreparedBase {
  const model = mergePads(poolMeans(storeConstants(exported)));
  const { graph } = model;
  renameReserved(graph);
  const { name: input, shape } = imageInput(graph);
  const map = lastMap(graph, input);
  keepUpTo(graph, map);
  requireBaseOperators(graph.node);
  const raised = raiseOpset(model);
  freeBatchOfReshape(raised.graph);
  requireStoredWeights(raised.graph);
  addEmbedding(raised.graph, map);
  const [, , height, width] = shape;
  const isFixed = typeof height === "number" && typeof width === "number";
  return {
    model: foldBatchNorm(raised),
    input,
    exportedFor: isFixed ? { widthPx: width, heightPx: height } : undefined,
  };
}

/** The device graph's own names are kept free. */
function renameReserved(graph: GraphProto): void {
  for (const node of graph.node) {
    node.name = baseName(node.name);
    node.input = node.input.map(baseName);
    node.output = node.output.map(baseName);
  }
  for (const named of [...graph.input, ...graph.output, ...graph.initializer]) named.name = baseName(named.name);
}

function imageInput(graph: GraphProto): { name: string; shape: readonly Dimension[] } {
  const signature = graph.input.length === 1 ? graph.input.map(tensorSignature)[0] : undefined;
  const shape = signature?.shape ?? [];
  const takesColour = shape[1] === 3 || (typeof shape[1] === "string" && shape[3] !== 3);
  if (signature?.dataType === DataType.FLOAT && shape.length === 4 && takesColour)
    return { name: signature.name, shape };
  const found = graph.input.map(describeInput).join(" and ");
  const advice = shape[3] === 3 ? "; export it with channels first" : "";
  throw new SightlineError(
    "DATA_INVALID",
    `the backbone must have one float32 input [N,3,H,W]; it has ${found}${advice}`,
  );
}

function describeInput(info: GraphProto["input"][number]): string {
  const signature = tensorSignature(info);
  const type = Object.entries(DataType).find(([, number]) => number === signature?.dataType)?.[0] ?? "no tensor";
  return `${info.name} ${type.toLowerCase()} [${signature?.shape?.join(",") ?? "?"}]`;
}

/** What the last GlobalAveragePool every path passes through reads; without one, the output itself. */
function lastMap(graph: GraphProto, input: string): string {
  const { producerOf } = indexGraph(graph);
  const output = embeddingOutput(graph);
  const pool = segmentsBetween(graph, input, output)
    .map((segment) => producerOf.get(segment.output))
    .findLast((node) => node?.opType === "GlobalAveragePool");
  return pool?.input[0] ?? output;
}

/** The output of that name, the only one, or the first with two axes. */
function embeddingOutput(graph: GraphProto): string {
  const outputs = graph.output.map(tensorSignature).filter((signature) => signature !== undefined);
  const named = outputs.find(({ name }) => name === baseName(EMBEDDING));
  const chosen = named ?? (outputs.length === 1 ? outputs[0] : outputs.find(({ shape }) => shape?.length === 2));
  if (chosen !== undefined) return chosen.name;
  const names = graph.output.map(({ name }) => name).join(", ");
  throw new SightlineError(
    "DATA_INVALID",
    `the backbone has the outputs ${names}; export it with one: its embedding [N,D] or its last feature map`,
  );
}

function keepUpTo(graph: GraphProto, map: string): void {
  const wanted = new Set([map]);
  const kept = graph.node.toReversed().filter((node) => {
    const needed = node.output.some((name) => wanted.has(name));
    if (needed) for (const name of node.input) wanted.add(name);
    return needed;
  });
  graph.node = kept.reverse();
  graph.output = [];
  graph.valueInfo = [];
  dropUnusedInitializers(graph);
}

function addEmbedding(graph: GraphProto, map: string): void {
  const pooled = `${EMBEDDING}.pooled`;
  graph.node.push(
    makeNode({ opType: "GlobalAveragePool", name: `${EMBEDDING}.pool`, inputs: [map], outputs: [pooled] }),
    makeNode({ opType: "Flatten", name: `${EMBEDDING}.flatten`, inputs: [pooled], outputs: [EMBEDDING] }),
  );
  graph.output = [makeValueInfo(EMBEDDING, DataType.FLOAT, ["N", "D"])];
}

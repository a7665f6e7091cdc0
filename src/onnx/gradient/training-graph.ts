import { blockChannels } from "../blocked-channels.ts";
import { checkGraph, dropUnusedInitializers, indexGraph } from "../graph.ts";
import { copyModel, type Model } from "../model-file.ts";
import type { GraphProto, NodeProto } from "../onnx-pb.ts";
import { floatData, tensorDims } from "../tensor.ts";
import { inferShapes, type Shape } from "../tensor-shapes.ts";
import { DataType, makeValueInfo } from "../value-info.ts";
import { GRADIENT_RULES } from "./gradient-rules.ts";
import { GraphWriter } from "./graph-writer.ts";
import { softmaxCrossEntropy } from "./softmax-loss.ts";

/** Opset the training graph is written in: ScatterElements adds since 16, axes are inputs of ReduceSum since 13. */
const TRAINING_OPSET = 17n;

/** A cross entropy at one tensor of the network: class scores along axis 1. */
export interface LossTerm {
  readonly logits: string;
  /** Graph input that carries the soft targets, of the logits' shape. */
  readonly targets: string;
}

export interface TrainingPlan {
  /** Where the trained part begins: this tensor is its input; what makes it is left to the frozen part. */
  readonly input: string;
  /** Shape of that tensor, batch included: gradients are written for a fixed batch. */
  readonly inputShape: Shape;
  /** Names of the initializers that train. They become inputs of the graph. */
  readonly trained: readonly string[];
  readonly losses: readonly LossTerm[];
  /** Where given, the graph is written for operators on so many channels at once (../blocked-channels.ts). */
  readonly channelBlock?: number | null;
}

export const lossOutput = ({ targets }: Pick<LossTerm, "targets">): string => `loss.${targets}`;
export const gradientOutput = (parameter: string): string => `gradient.${parameter}`;

/**
 * The forward nodes of a network from `plan.input` on, as they are, and behind them the backward nodes that compute the
 * gradient of the summed losses by every trained initializer. Inputs: `plan.input`, the trained initializers, the
 * targets of each loss (float32). Outputs: each loss (scalar), then each gradient (of its initializer's shape).
 * Throws an Error that names the operator where a trained layer is made of something else than GRADIENT_RULES.
 */
export function trainingGraph(model: Model, plan: TrainingPlan): Model {
  const training = trainedPart(
    model,
    plan,
    plan.losses.map(({ logits }) => logits),
  );
  const { graph } = training;
  for (const entry of training.opsetImport) if (entry.domain === "") entry.version = TRAINING_OPSET;
  training.irVersion = 8n;
  const forward = [...graph.node];
  const shapes = inferShapes(graph, inputShapes(model, plan));
  const reaches = downstreamOf(forward, plan.trained);
  askForMaxPoolIndices(forward, reaches);
  const writer = new GraphWriter(graph, "backward.");
  const gradients = new Map<string, string[]>();
  const known = new Map(shapes);
  const give = (tensor: string, gradient: string): void => {
    gradients.set(tensor, [...(gradients.get(tensor) ?? []), gradient]);
    known.set(gradient, shapes.get(tensor) ?? []);
  };
  graph.output = [];
  for (const term of plan.losses) {
    const { loss, gradient } = softmaxCrossEntropy(writer, term.logits, term.targets);
    nameOutput(graph, loss, lossOutput(term));
    graph.input.push(makeValueInfo(term.targets, DataType.FLOAT, shapes.get(term.logits) ?? []));
    graph.output.push(makeValueInfo(lossOutput(term), DataType.FLOAT, []));
    give(term.logits, gradient);
  }
  const stored = indexGraph(graph).initializers;
  for (const node of [...forward].reverse()) {
    const output = node.output[0] ?? "";
    const own = gradients.get(output);
    if (own === undefined || !reaches.has(output)) continue;
    const rule = GRADIENT_RULES[node.opType];
    if (rule === undefined) throw new Error(refusal(node));
    rule({
      node,
      writer,
      channelBlock: plan.channelBlock ?? null,
      outputGradient: summed(writer, own),
      shapeOf: (tensor) => shapes.get(tensor) ?? [],
      storedScalar: (tensor) => {
        const value = stored.get(tensor);
        return value === undefined ? undefined : floatData(value)[0];
      },
      wants: (position) => reaches.has(node.input[position] ?? ""),
      give: (position, gradient) => give(node.input[position] ?? "", gradient),
    });
  }
  for (const name of plan.trained) {
    const own = gradients.get(name);
    if (own === undefined) throw new Error(`no gradient reaches ${name}: no loss depends on it`);
    nameOutput(graph, summed(writer, own), gradientOutput(name));
    graph.output.push(makeValueInfo(gradientOutput(name), DataType.FLOAT, shapes.get(name) ?? []));
  }
  dropUnusedInitializers(graph);
  checkGraph(graph);
  if (typeof plan.channelBlock === "number") blockChannels(training, known, plan.channelBlock);
  return training;
}

/** The forward nodes alone, any batch size: inputs `plan.input` and the trained initializers, outputs as named. */
export function forwardGraph(model: Model, plan: Omit<TrainingPlan, "losses">, outputs: readonly string[]): Model {
  const forward = trainedPart(model, plan, outputs);
  forward.graph.output = outputs.map((name) => makeValueInfo(name, DataType.FLOAT, []));
  for (const output of forward.graph.output) delete output.type;
  checkGraph(forward.graph);
  return forward;
}

/** What comes before the trained part: the graph from its own inputs to `tensor`. */
export function frozenGraph(model: Model, tensor: string): Model {
  const frozen = copyModel(model);
  const { graph } = frozen;
  keepNodes(graph, [tensor], new Set());
  graph.output = [makeValueInfo(tensor, DataType.FLOAT, [])];
  for (const output of graph.output) delete output.type;
  graph.valueInfo = [];
  dropUnusedInitializers(graph);
  checkGraph(graph);
  return frozen;
}

function trainedPart(model: Model, plan: Omit<TrainingPlan, "losses">, ends: readonly string[]): Model {
  const part = copyModel(model);
  const { graph } = part;
  keepNodes(graph, ends, new Set([plan.input]));
  const dims = new Map(graph.initializer.map((tensor) => [tensor.name, tensorDims(tensor)]));
  const missing = plan.trained.find((name) => !dims.has(name));
  if (missing !== undefined) throw new Error(`the graph has no initializer ${missing}`);
  graph.initializer = graph.initializer.filter(({ name }) => !plan.trained.includes(name));
  graph.input = [
    makeValueInfo(plan.input, DataType.FLOAT, ["N", ...plan.inputShape.slice(1)]),
    ...plan.trained.map((name) => makeValueInfo(name, DataType.FLOAT, dims.get(name) ?? [])),
  ];
  graph.valueInfo = [];
  dropUnusedInitializers(graph);
  return part;
}

function inputShapes({ graph }: Model, plan: TrainingPlan): Map<string, Shape> {
  const shapes = new Map<string, Shape>([[plan.input, plan.inputShape]]);
  for (const tensor of graph.initializer)
    if (plan.trained.includes(tensor.name)) shapes.set(tensor.name, tensorDims(tensor));
  return shapes;
}

/** Drops the nodes `ends` do not depend on, walking no further back than `stops`. */
function keepNodes(graph: GraphProto, ends: readonly string[], stops: ReadonlySet<string>): void {
  const { producerOf } = indexGraph(graph);
  const kept = new Set<NodeProto>();
  const waiting = [...ends];
  for (let tensor = waiting.pop(); tensor !== undefined; tensor = waiting.pop()) {
    const node = stops.has(tensor) ? undefined : producerOf.get(tensor);
    if (node === undefined || kept.has(node)) continue;
    kept.add(node);
    waiting.push(...node.input);
  }
  graph.node = graph.node.filter((node) => kept.has(node));
}

/** The trained initializers and every tensor that depends on one. */
function downstreamOf(nodes: readonly NodeProto[], trained: readonly string[]): Set<string> {
  const reached = new Set(trained);
  for (const node of nodes) if (node.input.some((name) => reached.has(name))) reached.add(node.output[0] ?? "");
  return reached;
}

function askForMaxPoolIndices(nodes: readonly NodeProto[], reaches: ReadonlySet<string>): void {
  for (const node of nodes) {
    const [output = ""] = node.output;
    if (node.opType === "MaxPool" && reaches.has(node.input[0] ?? "")) node.output = [output, `${output}.indices`];
  }
}

const summed = (writer: GraphWriter, gradients: readonly string[]): string =>
  gradients.reduce((sum, gradient) => writer.node("Add", [sum, gradient]));

/** Gives a tensor the name of a graph output. */
function nameOutput(graph: GraphProto, tensor: string, name: string): void {
  new GraphWriter(graph, `${name}.`).node("Identity", [tensor], {}, name);
}

const refusal = ({ name, opType }: NodeProto): string =>
  `node ${name} is a ${opType}, which cannot be trained through; trainable are ${Object.keys(GRADIENT_RULES).join(", ")}`;

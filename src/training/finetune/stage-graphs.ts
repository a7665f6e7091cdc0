import { MODEL_INPUT } from "../../contracts/model-bundle.ts";
import { channelStatisticsGraph } from "../../onnx/channel-statistics.ts";
import { type ConvolutionLayer, convolutionLayers } from "../../onnx/convolutions.ts";
import { forwardGraph, frozenGraph, trainingGraph } from "../../onnx/gradient/training-graph.ts";
import { encodeModel, type Model } from "../../onnx/model-file.ts";
import { inferShapes } from "../../onnx/tensor-shapes.ts";
import { HEATMAP } from "../model-names.ts";
import { HEAD_PARAMETERS, IMAGE_LOGITS, initializerValues } from "./trainable-network.ts";
import type { AdamSettings, LayerStart, ParameterStart } from "./adam.ts";
import type { OpenMessage } from "./training-messages.ts";

export interface StagePlan {
  /** Tensor where the trained part begins. */
  readonly input: string;
  /** Initializers that train, besides the head's. */
  readonly parameters: readonly string[];
}

export interface GraphSettings {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Of the machine that trains, see TrainingProcess.channelBlock. */
  readonly channelBlock: number | null;
  readonly settings: {
    readonly batchSize: number;
    readonly cellLossWeight: number;
    readonly headRate: number;
    readonly optimizer: AdamSettings;
    readonly threads: number;
  };
}

/**
 * Everything the training process needs for a stage, from a network made by trainableNetwork: the frozen part, the
 * gradient graph, the forward and the statistics graph of the trained part, and the layers that train with their present
 * weights. Throws an Error that names the operator that cannot be trained through.
 */
export function stageGraphs(
  { widthPx, heightPx, channelBlock, settings }: GraphSettings,
  stage: StagePlan,
  network: Model,
): Omit<OpenMessage, "kind"> {
  const trainable = new Set<string>([...stage.parameters, ...HEAD_PARAMETERS]);
  const trained = convolutionLayers(network.graph).filter(({ weight }) => trainable.has(weight.name));
  const imageShape = [settings.batchSize, heightPx, widthPx, 3];
  const inputShape = inferShapes(network.graph, new Map([[MODEL_INPUT, imageShape]])).get(stage.input);
  if (inputShape === undefined) throw new Error(`the network has no tensor ${stage.input}`);
  const names = trained.flatMap(({ weight, bias }) => (bias === undefined ? [weight.name] : [weight.name, bias.name]));
  const plan = { input: stage.input, inputShape, trained: names };
  const losses = [
    { logits: IMAGE_LOGITS, targets: "training.targets" },
    ...(settings.cellLossWeight > 0 ? [{ logits: HEATMAP, targets: "training.cell_targets" }] : []),
  ];
  const watched = trained.flatMap(({ node, input }) => [input, node.output[0] ?? ""]);
  const forward = forwardGraph(
    network,
    plan,
    [...new Set(watched)].filter((tensor) => tensor !== stage.input),
  );
  return {
    frozen: encodeModel(frozenGraph(network, stage.input)),
    step: encodeModel(trainingGraph(network, { ...plan, losses, channelBlock })),
    forward: encodeModel(forwardGraph(network, plan, [IMAGE_LOGITS])),
    statistics: encodeModel(channelStatisticsGraph(forward, [...new Set(watched)])),
    watched,
    input: stage.input,
    inputShape,
    layers: trained.map((layer) => layerStart(network, layer, settings.headRate)),
    targets: losses.map(({ targets }) => targets),
    logits: IMAGE_LOGITS,
    optimizer: settings.optimizer,
    threads: settings.threads,
  };
}

function layerStart(network: Model, { weight, bias, group }: ConvolutionLayer, headRate: number): LayerStart {
  const start = (name: string): ParameterStart => ({ name, ...initializerValues(network, name) });
  const isHead = (HEAD_PARAMETERS as readonly string[]).includes(weight.name);
  return {
    weight: start(weight.name),
    bias: bias === undefined ? null : start(bias.name),
    groups: group,
    rate: isHead ? headRate : 1,
    givesLogits: isHead,
  };
}

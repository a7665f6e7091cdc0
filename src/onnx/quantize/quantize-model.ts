import { checkGraph, dropUnusedInitializers, type GraphIndex, indexGraph, sortNodes } from "../graph.ts";
import { copyModel, type Model, opsetVersion } from "../model-file.ts";
import { makeNode } from "../node.ts";
import type { GraphProto } from "../onnx-pb.ts";
import { floatData, makeTensor } from "../tensor.ts";
import { type IntegerInput, moveMeanIntoBias } from "./integer-input.ts";
import {
  planQuantization,
  type QuantizationPlan,
  type QuantizationScope,
  type QuantizationTarget,
} from "./plan-quantization.ts";
import {
  activationParameters,
  type QuantizationParameters,
  symmetricParameters,
  type TensorRange,
} from "./quantization-parameters.ts";
import type { InputMoments } from "./round-weights.ts";
import { quantizeLayer } from "./quantize-layer.ts";

/** DequantizeLinear with an axis came with 13. */
const LEAST_OPSET = 13;

/**
 * Static INT8 in QDQ form, as onnxruntime.quantization writes it: weights int8 symmetric per output channel;
 * activations per tensor from their `ranges`, uint8 with int32 biases for `cpu`, int8 around 0 with float biases for
 * `tensorrt`; which, is planQuantization's business. A uint8 graph input feeds its first convolution without rounding
 * where that is exact. Layers whose inputs' `moments` are known, by the name of their output, have their weights
 * rounded for them. The same arguments give the same bytes. Throws when a range is missing or not finite.
 */
export function quantizeModel(
  model: Model,
  ranges: ReadonlyMap<string, TensorRange>,
  scope: QuantizationScope,
  moments: ReadonlyMap<string, InputMoments> = new Map(),
): Model {
  if (opsetVersion(model) < LEAST_OPSET) {
    throw new Error(`the model uses operator set ${opsetVersion(model)}; convert it to ${LEAST_OPSET} or later`);
  }
  const quantized = copyModel(model);
  const { graph } = quantized;
  const index = indexGraph(graph);
  const plan = planQuantization(graph, index, scope);
  const parameters = new Map(
    plan.activations.map((tensor) => [tensor, parametersOf(rangeOf(tensor, ranges, index), scope.target)]),
  );
  feedPixels(graph, plan, scope.target);
  for (const layer of plan.layers) {
    const inputScale = parameters.get(plan.sharedWith.get(layer.input) ?? layer.input)?.scale ?? PIXEL_SCALE;
    quantizeLayer(graph, layer, inputScale, scope.target, moments.get(layer.node.output[0] ?? ""));
  }
  for (const [tensor, values] of parameters) storeParameters(graph, tensor, values, scope.target);
  dropFolded(graph, plan, index);
  for (const tensor of plan.activations) roundActivation(graph, tensor, tensor);
  for (const [tensor, source] of plan.sharedWith) roundActivation(graph, tensor, source);
  dropUnusedInitializers(graph);
  sortNodes(graph);
  checkGraph(graph);
  return quantized;
}

/** One grey level. */
const PIXEL_SCALE = 1;

const parametersOf = (range: TensorRange, target: QuantizationTarget): QuantizationParameters =>
  target === "cpu" ? activationParameters(range) : symmetricParameters(range);

function rangeOf(tensor: string, ranges: ReadonlyMap<string, TensorRange>, index: GraphIndex): TensorRange {
  const constant = index.initializers.get(tensor);
  const range = constant === undefined ? ranges.get(tensor) : rangeOfValues(floatData(constant));
  if (range === undefined || !Number.isFinite(range.min) || !Number.isFinite(range.max)) {
    throw new Error(`tensor ${tensor} has no finite range; calibrate on more frames`);
  }
  return range;
}

const rangeOfValues = (values: Float32Array): TensorRange => ({
  min: values.reduce((least, value) => Math.min(least, value), Infinity),
  max: values.reduce((most, value) => Math.max(most, value), -Infinity),
});

/** The bytes are integers already: only the mean, rounded, has to become their zero. */
function feedPixels(graph: GraphProto, plan: QuantizationPlan, target: QuantizationTarget): void {
  for (const layer of plan.layers) {
    const input = plan.integerInputs.get(layer.input);
    if (input === undefined) continue;
    moveMeanIntoBias(graph, layer, input);
    if (target === "cpu") dequantizePixels(graph, layer.input, input);
    else centerPixels(graph, layer.input, input);
  }
}

/** Sub(Cast(pixels), mean) becomes DequantizeLinear(pixels, 1, rounded mean). */
function dequantizePixels(graph: GraphProto, tensor: string, { pixels, cast, center, zeroPoint }: IntegerInput): void {
  graph.node = graph.node.filter((node) => node !== cast && node !== center);
  storeParameters(graph, tensor, { scale: PIXEL_SCALE, zeroPoint }, "cpu");
  graph.node.push(
    makeNode({
      opType: "DequantizeLinear",
      name: `${tensor}.dequantize`,
      inputs: [pixels, `${tensor}.scale`, `${tensor}.zero_point`],
      outputs: [tensor],
    }),
  );
}

/** Takes the rounded mean off, which leaves whole numbers from -128 to 127: int8 of scale 1, without any loss. */
function centerPixels(graph: GraphProto, tensor: string, { center, zeroPoint }: IntegerInput): void {
  const meanName = `${tensor}.rounded_mean`;
  graph.initializer.push(makeTensor(meanName, [], Float32Array.of(zeroPoint)));
  center.input[1] = meanName;
  storeParameters(graph, tensor, { scale: PIXEL_SCALE, zeroPoint: 0 }, "tensorrt");
  roundActivation(graph, tensor, tensor);
}

/** The producer writes what the dropped activation wrote. */
function dropFolded(graph: GraphProto, { folded }: QuantizationPlan, index: GraphIndex): void {
  for (const node of folded) {
    const [input = ""] = node.input;
    const producer = index.producerOf.get(input);
    if (producer === undefined) throw new Error(`nothing makes ${input}, which ${node.name} reads`);
    producer.output = producer.output.map((name) => (name === input ? (node.output[0] ?? "") : name));
    graph.node = graph.node.filter((other) => other !== node);
  }
}

/** Puts QuantizeLinear and DequantizeLinear after a tensor; everybody reads what comes out of them. */
function roundActivation(graph: GraphProto, tensor: string, parametersFrom: string): void {
  const dequantized = `${tensor}.dequantized`;
  for (const node of graph.node) node.input = node.input.map((name) => (name === tensor ? dequantized : name));
  const common = [`${parametersFrom}.scale`, `${parametersFrom}.zero_point`];
  graph.node.push(
    makeNode({
      opType: "QuantizeLinear",
      name: `${tensor}.quantize`,
      inputs: [tensor, ...common],
      outputs: [`${tensor}.quantized`],
    }),
    makeNode({
      opType: "DequantizeLinear",
      name: `${tensor}.dequantize`,
      inputs: [`${tensor}.quantized`, ...common],
      outputs: [dequantized],
    }),
  );
}

function storeParameters(
  graph: GraphProto,
  tensor: string,
  { scale, zeroPoint }: QuantizationParameters,
  target: QuantizationTarget,
): void {
  graph.initializer.push(
    makeTensor(`${tensor}.scale`, [], Float32Array.of(scale)),
    makeTensor(`${tensor}.zero_point`, [], target === "cpu" ? Uint8Array.of(zeroPoint) : Int8Array.of(zeroPoint)),
  );
}

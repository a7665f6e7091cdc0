import { SightlineError } from "../contracts/errors.ts";
import { checkGraph, replaceInitializer } from "../onnx/graph.ts";
import { copyModel, type Model } from "../onnx/model-file.ts";
import { makeNode } from "../onnx/node.ts";
import { floatData, makeTensor } from "../onnx/tensor.ts";
import { HEAD_PREFIX } from "./device-graph.ts";

const TEMPERATURE = `${HEAD_PREFIX}temperature`;
const PROBABILITIES = "probabilities";

/** The temperature inside a graph; 1 where it has none. */
export function temperatureOf({ graph }: Model): number {
  const tensor = graph.initializer.find(({ name }) => name === TEMPERATURE);
  return tensor === undefined ? 1 : (floatData(tensor)[0] ?? 1);
}

/**
 * The same model with `probabilities` = softmax(logits / temperature): the temperature of its head replaced, or one put
 * before the softmax where the graph has none. Throws BUNDLE_INVALID where the probabilities come from no softmax.
 */
export function withTemperature(model: Model, temperature: number): Model {
  const copy = copyModel(model);
  const tensor = makeTensor(TEMPERATURE, [], Float32Array.of(temperature));
  if (copy.graph.initializer.some(({ name }) => name === TEMPERATURE)) replaceInitializer(copy.graph, tensor);
  else insertTemperature(copy, tensor);
  return copy;
}

function insertTemperature({ graph }: Model, tensor: ReturnType<typeof makeTensor>): void {
  const at = graph.node.findIndex(({ output }) => output.includes(PROBABILITIES));
  const softmax = graph.node[at];
  const logits = softmax?.input[0];
  if (softmax?.opType !== "Softmax" || logits === undefined) {
    throw new SightlineError(
      "BUNDLE_INVALID",
      `model.onnx makes ${PROBABILITIES} by ${softmax?.opType ?? "no node"} instead of Softmax: it cannot be calibrated; ` +
        "use --keep-temperature",
    );
  }
  const scaled = `${HEAD_PREFIX}scaled`;
  const divide = makeNode({
    opType: "Div",
    name: `${HEAD_PREFIX}calibrate`,
    inputs: [logits, TEMPERATURE],
    outputs: [scaled],
  });
  softmax.input[0] = scaled;
  graph.node.splice(at, 0, divide);
  graph.initializer.push(tensor);
  checkGraph(graph);
}

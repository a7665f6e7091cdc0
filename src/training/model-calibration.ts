import { SightlineError } from "../contracts/errors.ts";
import { checkGraph, replaceInitializer } from "../onnx/graph.ts";
import { copyModel, type Model } from "../onnx/model-file.ts";
import { makeNode } from "../onnx/node.ts";
import type { NodeProto } from "../onnx/onnx-pb.ts";
import { floatData, makeTensor } from "../onnx/tensor.ts";
import { HEAD_PREFIX } from "./device-graph.ts";
import type { ScoreCalibration } from "./fit-calibration.ts";

const TEMPERATURE = `${HEAD_PREFIX}temperature`;
const CLASS_BIAS = `${HEAD_PREFIX}class_bias`;
const PROBABILITIES = "probabilities";

/** The calibration inside a graph: temperature 1 and biases 0 where it has none. */
export function calibrationOf({ graph }: Model, classCount: number): ScoreCalibration {
  const valuesOf = (wanted: string): Float32Array | undefined => {
    const tensor = graph.initializer.find(({ name }) => name === wanted);
    return tensor === undefined ? undefined : floatData(tensor);
  };
  return {
    temperature: valuesOf(TEMPERATURE)?.[0] ?? 1,
    biases: [...(valuesOf(CLASS_BIAS) ?? new Float32Array(classCount))],
  };
}

/**
 * The same model with `probabilities` = softmax(logits / temperature + biases): what its head has is replaced, what it
 * lacks is put before the softmax. `heatmap` stays the map of the bare logits. Throws BUNDLE_INVALID where the
 * probabilities come from no softmax.
 */
export function withCalibration(model: Model, { temperature, biases }: ScoreCalibration): Model {
  const copy = withTemperature(model, temperature);
  const tensor = makeTensor(CLASS_BIAS, [biases.length], Float32Array.from(biases));
  if (copy.graph.initializer.some(({ name }) => name === CLASS_BIAS)) replaceInitializer(copy.graph, tensor);
  else if (biases.some((bias) => bias !== 0)) {
    copy.graph.initializer.push(tensor);
    insertBeforeSoftmax(copy, (logits) =>
      makeNode({
        opType: "Add",
        name: `${HEAD_PREFIX}rebalance`,
        inputs: [logits, CLASS_BIAS],
        outputs: [`${HEAD_PREFIX}balanced`],
      }),
    );
  }
  return copy;
}

/** The same model at another temperature; biases stay. */
export function withTemperature(model: Model, temperature: number): Model {
  const copy = copyModel(model);
  const tensor = makeTensor(TEMPERATURE, [], Float32Array.of(temperature));
  if (copy.graph.initializer.some(({ name }) => name === TEMPERATURE)) {
    replaceInitializer(copy.graph, tensor);
    return copy;
  }
  copy.graph.initializer.push(tensor);
  insertBeforeSoftmax(copy, (logits) =>
    makeNode({
      opType: "Div",
      name: `${HEAD_PREFIX}calibrate`,
      inputs: [logits, TEMPERATURE],
      outputs: [`${HEAD_PREFIX}scaled`],
    }),
  );
  return copy;
}

function insertBeforeSoftmax({ graph }: Model, nodeFor: (logits: string) => NodeProto): void {
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
  const node = nodeFor(logits);
  softmax.input[0] = node.output[0] ?? logits;
  graph.node.splice(at, 0, node);
  checkGraph(graph);
}

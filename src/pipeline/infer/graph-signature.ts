import { MODEL_INPUT, MODEL_OUTPUTS } from "../../contracts/model-bundle.ts";

/** One graph input or output. A dimension is a number, or a string where the graph leaves it open. */
export interface GraphValue {
  readonly name: string;
  /** Element type, such as `uint8` or `float32`; `none` for what is no tensor. */
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface GraphSignature {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

export interface ExpectedSignature {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly classCount: number;
}

type Dimension = number | "open" | "any";

/**
 * What keeps a graph from being run for a manifest, in words, or null when it fits: `image` uint8 [N,H,W,3] alone in,
 * `probabilities` float32 [N,C], `embedding` [N,D] and `heatmap` [N,C,h,w] out, N left open.
 */
export function signatureProblem(graph: GraphSignature, expected: ExpectedSignature): string | null {
  const { widthPx, heightPx, classCount } = expected;
  const outputShapes: Record<(typeof MODEL_OUTPUTS)[number], readonly Dimension[]> = {
    probabilities: ["open", classCount],
    embedding: ["open", "any"],
    heatmap: ["open", classCount, "any", "any"],
  };
  const extra = graph.inputs.find((input) => input.name !== MODEL_INPUT);
  if (extra !== undefined) return `has an input ${extra.name} besides ${MODEL_INPUT}`;
  const inputProblem = valueProblem(graph.inputs, MODEL_INPUT, "uint8", ["open", heightPx, widthPx, 3]);
  if (inputProblem !== null) return `lacks the right input: ${inputProblem}`;
  for (const name of MODEL_OUTPUTS) {
    const outputProblem = valueProblem(graph.outputs, name, "float32", outputShapes[name]);
    if (outputProblem !== null) return `lacks the right output: ${outputProblem}`;
  }
  return null;
}

function valueProblem(
  values: readonly GraphValue[],
  name: string,
  type: string,
  shape: readonly Dimension[],
): string | null {
  const wanted = `${name} ${type} [${shape.map((each) => (typeof each === "number" ? each : "*")).join(",")}]`;
  const value = values.find((each) => each.name === name);
  if (value === undefined) return `${wanted} is missing`;
  const fits =
    value.type === type &&
    value.shape.length === shape.length &&
    shape.every((dimension, at) => dimensionFits(dimension, value.shape[at]));
  return fits ? null : `${wanted} is wanted, ${name} ${value.type} [${value.shape.join(",")}] is there`;
}

function dimensionFits(wanted: Dimension, actual: number | string | undefined): boolean {
  if (wanted === "any") return true;
  return wanted === "open" ? typeof actual === "string" : actual === wanted;
}

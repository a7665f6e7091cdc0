import { SightlineError } from "../contracts/errors.ts";
import { GRADIENT_RULES } from "../onnx/gradient/gradient-rules.ts";
import { indexGraph, replaceInitializer } from "../onnx/graph.ts";
import { makeNode } from "../onnx/node.ts";
import type { GraphProto, NodeProto } from "../onnx/onnx-pb.ts";
import { makeTensor, tensorData, tensorDims } from "../onnx/tensor.ts";

/** What a base may be made of: what can be trained through, and BatchNormalization, which is folded. */
export const BASE_OPERATORS: readonly string[] = [...Object.keys(GRADIENT_RULES), "BatchNormalization"].sort();

/** Throws DATA_INVALID with a sentence that names the first node of an operator no base may hold, and the list. */
export function requireBaseOperators(nodes: readonly NodeProto[]): void {
  const odd = nodes.find(({ opType, domain }) => !isDefault(domain) || !BASE_OPERATORS.includes(opType));
  if (odd === undefined) return;
  const operator = isDefault(odd.domain) ? odd.opType : `${odd.domain}.${odd.opType}`;
  const sentence = `node ${odd.name} is a ${operator}, which a base may not hold; it may hold ${BASE_OPERATORS.join(", ")}`;
  throw new SightlineError("DATA_INVALID", sentence);
}

const isDefault = (domain: string): boolean => domain === "" || domain === "ai.onnx";

/** Throws DATA_INVALID naming the first layer whose weights are computed: nothing could be trained or quantised there. */
export function requireStoredWeights(graph: GraphProto): void {
  const { initializers } = indexGraph(graph);
  for (const { name, opType, input } of graph.node) {
    if (opType !== "Conv" && opType !== "Gemm") continue;
    const weight = initializers.get(input[1] ?? "");
    const rank = opType === "Conv" ? 4 : 2;
    if (weight === undefined)
      throw new SightlineError(
        "DATA_INVALID",
        `node ${name} (${opType}) computes its weight; export a float32 network`,
      );
    if (tensorDims(weight).length !== rank) {
      const sentence = `node ${name} (${opType}) has a weight [${tensorDims(weight).join(", ")}]; ${rank} axes are needed`;
      throw new SightlineError("DATA_INVALID", sentence);
    }
  }
}

/**
 * Frees Reshape from the batch size it was exported with: to two axes it is a Flatten, to [N,C,1,1] it keeps what
 * batch comes. Changes `graph`; throws DATA_INVALID naming a Reshape that does anything else.
 */
export function freeBatchOfReshape(graph: GraphProto): void {
  const { initializers, consumersOf } = indexGraph(graph);
  graph.node = graph.node.map((node) => {
    if (node.opType !== "Reshape") return node;
    const [input = "", shapeName = ""] = node.input;
    const stored = initializers.get(shapeName);
    const shape = stored === undefined ? [] : [...tensorData(stored)].map(Number);
    if (shape.length === 2) {
      const attributes = { axis: { int: 1 } };
      return makeNode({ opType: "Flatten", name: node.name, inputs: [input], outputs: node.output, attributes });
    }
    if (shape.length !== 4 || shape[2] !== 1 || shape[3] !== 1 || consumersOf.get(shapeName)?.length !== 1) {
      const sentence = `node ${node.name} (Reshape) does more than flatten a map; a base may only flatten`;
      throw new SightlineError("DATA_INVALID", sentence);
    }
    replaceInitializer(graph, makeTensor(shapeName, [4], BigInt64Array.from([0, ...shape.slice(1)], BigInt)));
    return node;
  });
}

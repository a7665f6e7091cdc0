import type { GraphIndex } from "../graph.ts";
import { floatAttribute } from "../node.ts";
import type { NodeProto } from "../onnx-pb.ts";
import { floatData } from "../tensor.ts";

export interface ClampLimits {
  readonly min: number;
  readonly max: number;
}

/** Limits of a Relu or Clip; NaN where they are computed rather than stored. Undefined for any other node. */
export function clampLimits(node: NodeProto, index: GraphIndex): ClampLimits | undefined {
  if (node.opType === "Relu") return { min: 0, max: Infinity };
  if (node.opType !== "Clip") return undefined;
  const limit = (position: number, attribute: string, open: number): number => {
    const name = node.input[position] ?? "";
    // Clip kept its limits in attributes before operator set 11.
    if (name === "") return floatAttribute(node, attribute, open);
    const tensor = index.initializers.get(name);
    return tensor === undefined ? NaN : (floatData(tensor)[0] ?? NaN);
  };
  return { min: limit(1, "min", -Infinity), max: limit(2, "max", Infinity) };
}

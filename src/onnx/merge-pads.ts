import { checkGraph, dropUnusedInitializers, type GraphIndex, indexGraph } from "./graph.ts";
import { copyModel, type Model } from "./model-file.ts";
import { floatAttribute, intAttribute, intsAttribute, makeNode, stringAttribute } from "./node.ts";
import type { NodeProto } from "./onnx-pb.ts";
import { tensorData } from "./tensor.ts";
import { windowOf } from "./tensor-shapes.ts";

/**
 * Pads of zeros around height and width, which some exporters write as nodes of their own, become the pads of the
 * convolutions and average poolings that alone read them; pads of no width are dropped. Other Pads stay.
 */
export function mergePads(model: Model): Model {
  const merged = copyModel(model);
  const { graph } = merged;
  for (const node of graph.node.filter(({ opType }) => opType === "Pad")) {
    const index = indexGraph(graph);
    const sides = zeroPads(node, index);
    const [input = ""] = node.input;
    const [output = ""] = node.output;
    const readers = index.consumersOf.get(output) ?? [];
    if (sides === undefined || index.outputNames.has(output)) continue;
    if (sides.some((size) => size > 0) && !readers.every((reader) => takesPads(reader, output))) continue;
    for (const reader of readers) {
      if (sides.some((size) => size > 0)) widen(reader, sides);
      reader.input = reader.input.map((name) => (name === output ? input : name));
    }
    graph.node = graph.node.filter((candidate) => candidate !== node);
  }
  dropUnusedInitializers(graph);
  checkGraph(graph);
  return merged;
}

type Sides = readonly [top: number, left: number, bottom: number, right: number];

/** The pads of a node that puts zeros around the last two of four axes; undefined for any other. */
function zeroPads(node: NodeProto, { initializers }: GraphIndex): Sides | undefined {
  if (stringAttribute(node, "mode", "constant") !== "constant" || node.input.length > 3) return undefined;
  const [, padsName = "", valueName = ""] = node.input;
  const stored = initializers.get(padsName);
  const storedValue = initializers.get(valueName);
  if (valueName !== "" && storedValue === undefined) return undefined;
  // Attributes up to opset 10, inputs since.
  const pads = intsAttribute(node, "pads") ?? (stored === undefined ? [] : [...tensorData(stored)].map(Number));
  const value = storedValue === undefined ? floatAttribute(node, "value", 0) : Number(tensorData(storedValue)[0] ?? 0);
  const [, , top = 0, left = 0, , , bottom = 0, right = 0] = pads;
  const isSpatial = [0, 1, 4, 5].every((position) => pads[position] === 0);
  return pads.length === 8 && value === 0 && isSpatial && pads.every((size) => size >= 0)
    ? [top, left, bottom, right]
    : undefined;
}

/** An average counts the places of a Pad; those of its own pads only if it says so. */
function takesPads(node: NodeProto, tensor: string): boolean {
  if (node.opType === "Conv") return node.input[0] === tensor && node.input.lastIndexOf(tensor) === 0;
  if (node.opType !== "AveragePool" || intAttribute(node, "ceil_mode", 0) !== 0) return false;
  return intAttribute(node, "count_include_pad", 0) !== 0 || windowOf(node).pads.every((size) => size === 0);
}

function widen(node: NodeProto, sides: Sides): void {
  const { pads } = windowOf(node);
  const attributes = {
    pads: { ints: pads.map((size, side) => size + (sides[side] ?? 0)) },
    ...(node.opType === "AveragePool" ? { count_include_pad: { int: 1 } } : {}),
  };
  const made = makeNode({ opType: node.opType, name: node.name, inputs: [], outputs: [], attributes });
  node.attribute = [...node.attribute.filter(({ name }) => !(name in attributes)), ...made.attribute];
}

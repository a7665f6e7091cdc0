import { create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
} from "./onnx-pb.ts";

export type AttributeValue =
  | { int: number }
  | { ints: readonly number[] }
  | { float: number }
  | { floats: readonly number[] }
  | { string: string }
  | { tensor: TensorProto };

export interface NodeParts {
  readonly opType: string;
  readonly name: string;
  /** Tensor names; "" leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export function makeNode(parts: NodeParts): NodeProto {
  return create(NodeProtoSchema, {
    opType: parts.opType,
    name: parts.name,
    input: [...parts.inputs],
    output: [...parts.outputs],
    attribute: Object.entries(parts.attributes ?? {}).map(([name, value]) => makeAttribute(name, value)),
  });
}

function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  if ("int" in value) return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value.int) });
  if ("ints" in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.ints.map(BigInt) });
  }
  if ("floats" in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...value.floats] });
  }
  if ("tensor" in value) return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t: value.tensor });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value.string) });
}

const find = (node: NodeProto, name: string): AttributeProto | undefined =>
  node.attribute.find((attribute) => attribute.name === name);

export const intAttribute = (node: NodeProto, name: string, fallback: number): number => {
  const attribute = find(node, name);
  return attribute === undefined ? fallback : Number(attribute.i);
};

export const intsAttribute = (node: NodeProto, name: string): readonly number[] | undefined =>
  find(node, name)?.ints.map(Number);

export const floatAttribute = (node: NodeProto, name: string, fallback: number): number =>
  find(node, name)?.f ?? fallback;

export const stringAttribute = (node: NodeProto, name: string, fallback: string): string => {
  const attribute = find(node, name);
  return attribute === undefined ? fallback : new TextDecoder().decode(attribute.s);
};

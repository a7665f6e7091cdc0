import { clone } from "@bufbuild/protobuf";
import { copyModel, type Model } from "./model-file.ts";
import {
  AttributeProto_AttributeType as AttributeType,
  type NodeProto,
  type TensorProto,
  TensorProtoSchema,
} from "./onnx-pb.ts";
import { makeTensor } from "./tensor.ts";

/** IR version since which an initializer need not be listed among the graph's inputs. */
const IR_WITH_FREE_INITIALIZERS = 4n;

/**
 * Stored values in one form: Constant nodes become initializers, and initializers that old exporters list among the
 * graph's inputs (IR 3) are listed no more. Throws an Error that names a Constant of a kind that holds no numbers.
 */
export function storeConstants(model: Model): Model {
  const stored = copyModel(model);
  const { graph } = stored;
  const constants = graph.node.filter(({ opType }) => opType === "Constant");
  graph.initializer.push(...constants.map(valueOf));
  graph.node = graph.node.filter(({ opType }) => opType !== "Constant");
  const names = new Set(graph.initializer.map(({ name }) => name));
  graph.input = graph.input.filter(({ name }) => !names.has(name));
  if (stored.irVersion < IR_WITH_FREE_INITIALIZERS) stored.irVersion = IR_WITH_FREE_INITIALIZERS;
  return stored;
}

function valueOf(node: NodeProto): TensorProto {
  const [name = ""] = node.output;
  const [value] = node.attribute;
  switch (value?.type) {
    case AttributeType.TENSOR:
      if (value.t === undefined) break;
      return Object.assign(clone(TensorProtoSchema, value.t), { name });
    case AttributeType.FLOAT:
      return makeTensor(name, [], Float32Array.of(value.f));
    case AttributeType.FLOATS:
      return makeTensor(name, [value.floats.length], Float32Array.from(value.floats));
    case AttributeType.INT:
      return makeTensor(name, [], BigInt64Array.of(value.i));
    case AttributeType.INTS:
      return makeTensor(name, [value.ints.length], BigInt64Array.from(value.ints));
  }
  throw new Error(`node ${node.name} (Constant): only numbers and tensors of them can be stored`);
}

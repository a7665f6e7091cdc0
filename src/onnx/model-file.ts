import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
} from "./onnx-pb.ts";

/** A model whose graph is known to be there. */
export type Model = ModelProto & { graph: GraphProto };

/** Throws an Error with one sentence when `bytes` are not an ONNX model. */
export function decodeModel(bytes: Uint8Array): Model {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new Error("the file is not an ONNX model (its protobuf does not parse)", { cause: error });
  }
  if (!hasGraph(model)) throw new Error("the file is not an ONNX model (it holds no graph)");
  return model;
}

/** The same model always gives the same bytes: fields in order of their numbers. */
export const encodeModel = (model: Model): Uint8Array => toBinary(ModelProtoSchema, model);

/** A deep copy; graph edits work on copies so that the caller's model stays as it was. */
export function copyModel(model: Model): Model {
  const copy = clone(ModelProtoSchema, model);
  if (!hasGraph(copy)) throw new Error("the model holds no graph");
  return copy;
}

/** An empty model; IR 8 and opset 13 are the oldest with per-channel QuantizeLinear, and every runtime reads them. */
export function makeModel(graphName: string): Model {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: "sightline",
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: "", version: 13n })],
    graph: create(GraphProtoSchema, { name: graphName }),
  });
  if (!hasGraph(model)) throw new Error("the model holds no graph");
  return model;
}

/** Version of the default operator set the model uses. */
export function opsetVersion(model: Model): number {
  const entry = model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  return Number(entry?.version ?? 0n);
}

const hasGraph = (model: ModelProto): model is Model => model.graph !== undefined;
